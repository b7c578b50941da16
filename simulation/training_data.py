"""`python -m l1forge.simulation.training_data`: candidate samples for the tau and e/gamma classifiers.

Signal: matched candidates of H(125)→ττ (with DY→ττ) and of W→eν, γ*/Z→ee. Background: zero bias.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.folders import cache_folder
from l1forge.simulation.candidates import find
from l1forge.simulation.mixing import library
from l1forge.simulation.pool import load, parts
from l1forge.simulation.production import POOL_EVENTS
from l1forge.simulation.sample import PILEUP, SEED

ROOT = Path(__file__).parent.parent
Columns = dict[str, np.ndarray]

BLOCK = 20_000  # crossings at a time


@dataclass(frozen=True)
class Sample:
    """Candidates above ``least`` GeV; ``limit`` rows per class, half of them above ``hard`` GeV.

    ``signals``: process and number of collisions, each overlaid ``passes`` times with other pile-up.
    """

    kind: str
    least: float
    hard: float
    signals: tuple[tuple[str, int], ...]
    zero_bias: int
    passes: int = 4
    limit: int = 24_000


SAMPLES = {
    ROOT / "models/tau_id/data/candidates.parquet": Sample(
        "tau", 15.0, 28.0, (("htautau", 10_000), ("dy", 3_000)), 240_000
    ),
    ROOT / "models/eg_iso/data/candidates.parquet": Sample(
        "eg", 10.0, 20.0, (("wlnu", 14_000), ("dy", 3_000)), 240_000
    ),
}


def build(sample: Sample, cache: Path) -> pa.Table:
    """Collect both classes.

    Columns: those of ``simulation.candidates``, and ``weight``: how many candidates of the unreduced sample
    the row stands for. ``event`` numbers the generated collision of a signal (split by it, so that copies
    with other pile-up stay together) and the crossing of the background, the latter from 10 million.
    """
    strata = [load(name, n, SEED, cache / "pools") for name, n in POOL_EVENTS.items()]
    signal: list[Columns] = []
    for k, (name, n) in enumerate(sample.signals):
        pool = load(name, n, SEED, cache / "pools")
        lib = library(strata, PILEUP, pool)
        for turn in range(sample.passes):
            rng = np.random.default_rng([SEED, k, turn])
            found = find(rng, lib, pool.n, sample.kind, sample.least, pool)
            signal.append(_chosen(found, found["truth"] == 1, 1_000_000 * k))
    lib = library(strata, PILEUP)
    background: list[Columns] = []
    for start in range(0, sample.zero_bias, BLOCK):
        rng = np.random.default_rng([SEED, 99, start])
        found = find(rng, lib, BLOCK, sample.kind, sample.least)
        background.append(_chosen(found, found["truth"] == 0, 10_000_000 + start))
    classes = [_reduced(parts, sample) for parts in (signal, background)]
    return _table({key: np.concatenate([c[key] for c in classes]) for key in classes[0]}, sample)


def _chosen(found: Columns, keep: np.ndarray, first_event: int) -> Columns:
    chosen = {key: column[keep] for key, column in found.items()}
    return {**chosen, "event": chosen["event"] + first_event}


def _reduced(parts: list[Columns], sample: Sample) -> Columns:
    """At most half of ``limit`` rows on either side of ``hard``, with their weight."""
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    rng = np.random.default_rng(SEED)
    hard = joined["et"] >= 2 * sample.hard
    weight = np.ones(len(hard), np.int16)
    keep = []
    for side in (hard, ~hard):
        rows = np.flatnonzero(side)
        kept = rng.permutation(rows)[: sample.limit // 2]
        weight[kept] = max(1, round(len(rows) / max(len(kept), 1)))
        keep.append(kept)
    order = np.sort(np.concatenate(keep))
    return {**{key: column[order] for key, column in joined.items()}, "weight": weight[order]}


def _table(columns: dict[str, np.ndarray], sample: Sample) -> pa.Table:
    arrays: dict[str, pa.Array] = {}
    for name, column in columns.items():
        if column.ndim == 1:
            arrays[name] = pa.array(column.astype(np.int32 if name == "event" else np.int16))
        else:
            flat = column.reshape(len(column), -1)
            arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
    description = {
        "format": "l1forge-candidates",
        "version": 1,
        "kind": sample.kind,
        "signals": dict(sample.signals),
        "seed": SEED,
        "pileup": PILEUP,
        "least_et_gev": sample.least,
    }
    return pa.table(arrays).replace_schema_metadata({b"l1forge": json.dumps(description).encode()})


def main() -> None:
    """Generate the pools and write every sample of candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=cache_folder())
    arguments = parser.parse_args()
    for target, sample in SAMPLES.items():
        for name, n in (*POOL_EVENTS.items(), *sample.signals):
            for part in parts(name, n, SEED, arguments.cache / "pools"):
                part.make()
        table = build(sample, arguments.cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:
            pq.write_table(table, temporary, compression="zstd", compression_level=12)
        truth = np.asarray(table["truth"])
        size = target.stat().st_size / 1e6
        print(f"{target}: {truth.sum()} signal, {(truth == 0).sum()} background, {size:.2f} MB")


if __name__ == "__main__":
    main()
