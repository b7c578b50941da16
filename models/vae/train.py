"""Train the VAE with several seeds, keep the one of the lowest validation loss, write its integer graph."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.progress import Progress
from rich.table import Table

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.rates.intervals import full_rate_khz
from l1forge.models import GRAPH
from l1forge.models.anomaly.crossings import Crossings, read
from l1forge.models.anomaly.merit import PURE, TOTAL, ScoredSample, efficiencies
from l1forge.models.anomaly.pairs import Pair, PairTables
from l1forge.models.anomaly.samples import counted_part, training_crossings
from l1forge.models.anomaly.tails import LEVELS, magnitudes
from l1forge.models.anomaly.zero_bias import counted, reader, record, sample
from l1forge.models.registry import Report
from l1forge.models.vae import graph as circuit
from l1forge.models.vae import weights
from l1forge.models.vae.network import SHOWN, Floats, Schedule, Step, Trained
from l1forge.models.vae.network import train as fit

RATES_KHZ = (3.0, 10.0)
"""At which signals are looked at after the training."""
REPLICAS = 100


def features(found: Crossings, tables: PairTables) -> Floats:
    """What the network reads: the magnitude of every pair, shape (n, pairs)."""
    codes = tables.codes(found.values)
    out = np.empty((found.n, len(tables.pairs)), np.float32)
    for i, (a, b) in enumerate(tables.pairs):
        out[:, i] = magnitudes(tables.decades[a, b]).ravel()[LEVELS * codes[a] + codes[b]]
    return out


def candidates(
    part: Crossings, tables: PairTables, seeds: Sequence[int], schedule: Schedule, step: Step
) -> Iterator[Trained]:
    """One trained network for each seed; ``part`` are training crossings, the last third validates."""
    cut = counted_part(part.n)
    train, validation = part.select(slice(cut)), part.select(slice(cut, None))
    inputs = features(train.select(~train.accepted), tables)
    held = features(validation.select(~validation.accepted), tables)
    for seed in seeds:
        yield fit(inputs, held, seed, schedule, step)


def main(
    seed: int,
    output: Path,
    zero_bias: Path,
    menu: Path,
    pairs: str,
    crossings: int | None,
    trainings: int,
    schedule: Schedule,
    kl: bool,
    error: bool,
    report: Report,
    signals: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Train ``trainings`` networks from ``seed`` on; files of the best one appear in ``output``.

    ``signals`` are only looked at afterwards, at thresholds of the validation. Returns what is in
    training.json. Raises InputError as ``zero_bias.sample`` and ``counted``.
    """
    report(f"seeds {seed} .. {seed + trainings - 1}")
    found, cuts = sample(zero_bias, menu, pairs)
    part = found.select(slice(training_crossings(zero_bias, found.n, crossings)))
    tables = counted(part.select(slice(counted_part(part.n))), pairs)
    looked_at = {name: read(path, cuts, reader(pairs, path)) for name, path in (signals or {}).items()}
    seeds = range(seed, seed + trainings)
    with _progress(trainings * schedule.steps) as step:
        networks = list(candidates(part, tables, seeds, schedule, step))
    best = min(networks, key=lambda network: network.loss)
    settings = {"menu": cuts.menu.name, "pairs": pairs, "crossings": part.n, "counted": tables.crossings}
    beta = schedule.beta if error else None
    graph = circuit.build(best, tables, kl, settings | {"seed": best.seed}, error=beta)
    result = settings | {
        "left_out": [seed.name for seed in cuts.excluded],
        "schedule": asdict(schedule),
        "kept_seed": best.seed,
        "losses": {str(network.seed): network.loss for network in networks},
        "latent_of_pairs": {
            f"{a} {b}": int(np.argmax(best.mean[:, i] != 0)) for i, (a, b) in enumerate(tables.pairs)
        },
    }
    if looked_at:
        held = part.select(slice(counted_part(part.n), None))
        efficiency = _signals(circuit.contributions(best, tables), tables, held, looked_at)
        result["signals"] = efficiency
    output.mkdir(parents=True, exist_ok=True)
    weights.save(output / weights.FILE, best, tables)
    graph.save(output / GRAPH)
    write_text(output / "training.json", json.dumps(result, indent=1) + "\n")
    record(circuit.NAME, part, pairs).save(output / "inputs.json")
    with atomic_path(output / "curves.png") as temporary:
        _plot(networks, temporary)
    report(_table(networks, best))
    if looked_at:
        report(_signal_table(efficiency))
    for line in cuts.notes():
        report(line)
    report(
        f"{part.n:,} of {found.n:,} crossings used, a third of them for validation;"
        f" {tables.crossings:,} rejected by {cuts.menu.name} counted"
    )
    return result


def shortened(schedule: Schedule) -> Schedule:
    """A few steps: proves that the code runs, not a result."""
    return replace(schedule, steps=20, batch=256)


def _signals(
    parts: Mapping[int, Mapping[Pair, NDArray[np.int64]]],
    tables: PairTables,
    held: Crossings,
    signals: Mapping[str, Crossings],
) -> list[dict[str, Any]]:
    """Efficiencies of the integer score with thresholds of the validation, errors included."""

    def sample(found: Crossings) -> ScoredSample:
        scores = {circuit.SCORE: circuit.evaluate(parts, tables.codes(found.values))}
        return ScoredSample(scores, found.accepted, np.ones(found.n))

    found = {name: sample(crossings) for name, crossings in signals.items()}
    rates = {TOTAL: RATES_KHZ, PURE: RATES_KHZ}
    return [
        {
            "signal": row.signal,
            "kind": row.kind,
            "rate_khz": row.rate_khz,
            "efficiency": row.value,
            "error": row.error,
        }
        for row in efficiencies(sample(held), found, rates, full_rate_khz(), REPLICAS, seed=1)
    ]


def _signal_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="signals, in %, thresholds from the validation; not used for any choice")
    points = list(dict.fromkeys((row["kind"], row["rate_khz"]) for row in rows))
    table.add_column("signal")
    for kind, rate in points:
        table.add_column(f"{rate:g} kHz {kind}", justify="right")
    for name in dict.fromkeys(row["signal"] for row in rows):
        own = [row for row in rows if row["signal"] == name]
        table.add_row(name, *(f"{100 * row['efficiency']:.2f} ± {100 * row['error']:.2f}" for row in own))
    return table


@contextmanager
def _progress(total: int) -> Iterator[Step]:
    with Progress(transient=True) as progress:
        task = progress.add_task("training", total=total)

        def step(n: int, loss: float) -> None:
            progress.update(task, advance=(n - 1) % SHOWN + 1, description=f"training: loss {loss:.2f}")

        yield step


def _plot(networks: Sequence[Trained], path: Path) -> None:
    """Training loss of every seed, and the losses of the validation."""
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(8, 6))
        axis = figure.subplots()
        for i, network in enumerate(networks):
            steps = np.minimum(SHOWN * np.arange(1, len(network.curve) + 1), len(network.curve) * SHOWN)
            label = f"seed {network.seed}: validation {network.loss:.2f}"
            axis.plot(steps, network.curve, color=f"C{i % 10}", lw=1.2, label=label)
            axis.axhline(network.loss, color=f"C{i % 10}", lw=0.8, ls="--")
        axis.set(xlabel="step", ylabel="loss")
        axis.legend(fontsize=12)
        figure.savefig(path, dpi=80, bbox_inches="tight")


def _table(networks: Sequence[Trained], best: Trained) -> Table:
    table = Table(title="trainings: the lowest validation loss is kept")
    for heading in ("seed", "validation loss", "pairs by latent dimension", ""):
        table.add_column(heading, justify="right")
    for network in networks:
        shares = ", ".join(map(str, (network.mean != 0).sum(1)))
        kept = "kept" if network is best else ""
        table.add_row(str(network.seed), f"{network.loss:.3f}", shares, kept)
    return table
