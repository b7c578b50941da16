"""What `l1forge optimise models/anomaly/front.py` varies: both anomaly scores, their pairs and their bits.

--data is zero bias, its training crossings count and train. --validation is the same file, whose validating
crossings set the threshold, and then signals. The loss is 1 - the mean gain of the signals at RATE_KHZ of
pure rate: what a score accepts and the cut menu rejects. Test crossings and test signals are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.emulator.rates.intervals import full_rate_khz
from l1forge.models.anomaly import quantities
from l1forge.models.anomaly.crossings import Crossings, CutMenu, read
from l1forge.models.anomaly.pairs import PAIR_LISTS, Pair, PairTables, count, quantities_of
from l1forge.models.anomaly.samples import N_VALIDATE, counted_part, training_crossings
from l1forge.models.anomaly.zero_bias import sample
from l1forge.models.tail_pairs import graph as tail_pairs
from l1forge.models.vae import graph as vae
from l1forge.models.vae.network import Schedule
from l1forge.models.vae.network import train as fit
from l1forge.models.vae.train import features

RATE_KHZ = 5.0
LISTS = ["slim", "nine", "ten"]
SETTINGS = {
    "score": ["vae", "tail_pairs"],
    "pairs": LISTS,
    "kept": (8, 31),  # pairs with the largest contributions
    "bits": (3, 7),  # of a table's entries
    "step": (0, 4),  # log2 of what an entry counts: spreads (VAE), 8 x 10^(q/2) (tail pairs)
    "latent": (2, 12),  # of the VAE
}


RARE = 2.5
"""Decades: crossings with a pair this rare decide which pairs are kept."""


@dataclass(frozen=True)
class _Counted:
    """Rejected crossings that count, and those that validate; the cut menu; by list tables and their pairs,
    those first that are most often the rarest one of a rare crossing."""

    counts: Crossings
    validates: Crossings
    cuts: CutMenu
    tables: Mapping[str, PairTables]
    order: Mapping[str, tuple[Pair, ...]]


@lru_cache(maxsize=1)
def _counted(zero_bias: Path) -> _Counted:
    found, cuts = sample(zero_bias, DEFAULT, "ten")
    part = found.select(slice(training_crossings(zero_bias, found.n)))
    cut = counted_part(part.n)
    counts, validates = part.select(slice(cut)), part.select(slice(cut, None))
    rejected = counts.select(~counts.accepted)
    tables = {name: count(rejected.values, PAIR_LISTS[name]) for name in LISTS}
    order = {name: _order(rejected, found) for name, found in tables.items()}
    return _Counted(rejected, validates.select(~validates.accepted), cuts, tables, order)


@lru_cache
def _signal(path: Path, zero_bias: Path) -> Crossings:
    """A signal with its columns and what the cut menu says; every trial looks at the same."""
    columns = quantities.sources(quantities_of(PAIR_LISTS["ten"]))
    return read(path, _counted(zero_bias).cuts, lambda events: quantities.inputs(events, columns))


def _order(rejected: Crossings, tables: PairTables) -> tuple[Pair, ...]:
    codes = tables.codes(rejected.values)
    decades = np.stack([tables.decades[a, b][codes[a], codes[b]] for a, b in tables.pairs])
    rarest = decades.argmax(0)[decades.max(0) >= RARE]
    often = np.bincount(rarest, minlength=len(tables.pairs))
    return tuple(tables.pairs[i] for i in np.argsort(-often, kind="stable"))


def train(settings: Mapping[str, Any], data: Sequence[Path], seed: int) -> Graph:
    """The graph of these settings; zero bias is the first of ``data``."""
    known = _counted(data[0])
    whole, order = known.tables[settings["pairs"]], known.order[settings["pairs"]]
    kept = set(order[: settings["kept"]])
    decades = {pair: table for pair, table in whole.decades.items() if pair in kept}
    used = {q.name for q in quantities_of(decades)}
    tables = replace(whole, decades=decades, tails={n: t for n, t in whole.tails.items() if n in used})
    if settings["score"] == "tail_pairs":
        return tail_pairs.build(tables, unit=8.0 * 2 ** settings["step"], bits=settings["bits"])
    x = features(known.counts, tables)
    network = fit(x, x[:1000], seed, Schedule(latent=settings["latent"]))
    numbers = vae.Numbers(settings["bits"], settings["bits"] + 2, settings["step"])
    return vae.build(network, tables, numbers=numbers)


def loss(graph: Graph, data: Sequence[Path], seed: int) -> float:
    """1 - the mean gain at RATE_KHZ of pure rate of the signals, all but the first of ``data``."""
    if len(data) < 2:
        raise InputError("needs zero bias and signals", field="--validation", remedy="name a file of each")
    known = _counted(data[0])
    kernel = compile_graph(graph)

    def scores(found: Crossings) -> NDArray[np.int64]:
        x = np.stack([found.values[name] for name in graph.inputs[0].attributes["source"]])
        return np.asarray(kernel.run_array(x.astype(np.int16))[graph.outputs[0]], np.int64).ravel()

    zero_bias = np.sort(scores(known.validates))
    allowed = int(RATE_KHZ / full_rate_khz() * N_VALIDATE)
    cut = zero_bias[-allowed - 1]
    gains = []
    for path in data[1:]:
        found = _signal(path, data[0])
        gains.append(float(((scores(found) > cut) & ~found.accepted).mean()))
    return 1.0 - float(np.mean(gains))
