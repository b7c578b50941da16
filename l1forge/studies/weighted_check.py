"""The weighted zero-bias sample held against plain ones: `python -m l1forge.studies.weighted_check`.

Rates of every seed of a menu on the weighted sample, on plain crossings of the same pools of collisions (the
weights alone are tested) and on the committed plain sample (other pools), with pulls, the effective number of
events, and what copies of one collision make of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.events.objects import WEIGHT
from l1forge.emulator.events.source import open_events
from l1forge.emulator.folders import cache_folder
from l1forge.emulator.lhc import LHC
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.external_signals import orbit_signals
from l1forge.emulator.rates.clones import Clones, clones
from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.sampling import Sampler
from l1forge.simulation.rate_comparison import update_document
from l1forge.simulation.sample import FOLDER, WEIGHTED, weighted
from l1forge.simulation.weighted import write_plain
from l1forge.studies.path_inputs import graph_files, score_stages
from l1forge.studies.rates_menu import menu_rates
from l1forge.studies.rates_numbers import Rate

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- weighted: begin -->", "<!-- weighted: end -->")
PLAIN = 300_000
"""Plain crossings of the same pools."""


TARGETS_KHZ = (1.0, 0.1)
TAILS = (
    *("L1_SingleMu22", "L1_DoubleMu_15_7", "L1_SingleEG40er2p5", "L1_DoubleEG_25_14_er2p5"),
    *("L1_SingleTau120er2p1", "L1_DoubleIsoTau36er2p1", "L1_SingleJet180", "L1_QuadJet60er2p5"),
    *("L1_HTT360er", "L1_ETMHF110", "L1_Mu7_EG23er2p5", "L1_Mu6_HTT240er", "L1_AD_VAE"),
)
"""Seeds whose leading threshold is raised until the rate is that of a target."""


@dataclass(frozen=True)
class Tail:
    """Events of a selection: effective number, and what they owe to single collisions."""

    effective: float
    clones: Clones


@dataclass(frozen=True)
class TailError:
    """The relative error of a seed's rate with its leading threshold raised to ``target_khz``."""

    seed: str
    target_khz: float
    threshold: int
    rate: Rate

    @property
    def error(self) -> float:
        """Half the interval, as a part of the rate."""
        return (self.rate.high_khz - self.rate.low_khz) / 2 / self.rate.khz if self.rate.khz else math.inf


@dataclass(frozen=True)
class CheckedSeed:
    """A seed before prescales, on the weighted sample, on plain crossings of its pools and of other ones."""

    name: str
    weighted: Rate
    effective: float
    plain: Rate
    other: Rate
    clones: Clones

    @property
    def pull(self) -> float:
        return _pull(self.weighted, self.plain)

    @property
    def pull_other(self) -> float:
        return _pull(self.weighted, self.other)


@dataclass(frozen=True)
class WeightedCheck:
    """All seeds, the FinOR last; ``exposure``: plain crossings, ``effective``: of the whole sample."""

    seeds: tuple[CheckedSeed, ...]
    tails: tuple[TailError, ...]
    events: int
    exposure: float
    effective: float

    @property
    def spread(self) -> tuple[float, float]:
        """Root mean square of the pulls against the same and other pools."""
        return tuple(  # type: ignore[return-value]
            float(np.sqrt(np.mean([getattr(seed, name) ** 2 for seed in self.seeds])))
            for name in ("pull", "pull_other")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        seeds = [asdict(s) | {"pull": s.pull, "pull_other": s.pull_other} for s in self.seeds]
        return asdict(self) | {"seeds": seeds, "spread": self.spread}

    def markdown(self) -> str:
        """The tables of docs/simulation.md."""
        lines = _table(
            ("seed", "weighted (kHz)", "effective events", "plain, same pools (kHz)", "pull"),
            ("plain, other pools (kHz)", "pull", "distinct collisions", "largest (%)"),
            rows=[
                (
                    *(s.name, _text(s.weighted), f"{s.effective:.0f}", _text(s.plain), f"{s.pull:+.1f}"),
                    *(_text(s.other), f"{s.pull_other:+.1f}", f"{s.clones.distinct:.0f}"),
                    f"{100 * s.clones.largest:.1f}",
                )
                for s in self.seeds
            ],
        )
        targets = sorted({tail.target_khz for tail in self.tails}, reverse=True)
        shown = [(f"threshold for {target:g} kHz", "error (%)") for target in targets]
        rows = []
        for seed in dict.fromkeys(tail.seed for tail in self.tails):
            mine = {tail.target_khz: tail for tail in self.tails if tail.seed == seed}
            pairs = [(f"{mine[t].threshold}", f"{100 * mine[t].error:.0f}") for t in targets]
            rows.append((seed, *(text for pair in pairs for text in pair)))
        lines += ["", *_table(("seed",), *shown, rows=rows), ""]
        same, other = self.spread
        lines.append(
            f"{self.events:,} events, worth {self.exposure:,.0f} plain crossings, effective number "
            f"{self.effective:,.0f}. Root mean square of the pulls: {same:.2f} (same pools), "
            f"{other:.2f} (other pools)."
        )
        return "\n".join(lines)


def _table(*heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    names = [name for part in heads for name in part]
    lines = [names, ["---", *["--:"] * (len(names) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _text(rate: Rate) -> str:
    return f"{rate.khz:.3g} ± {(rate.high_khz - rate.low_khz) / 2:.2g}"


def _pull(a: Rate, b: Rate) -> float:
    """Difference over its error; of each interval the half on the other rate's side counts."""
    if a.khz == b.khz:
        return 0.0
    low, high = (a, b) if a.khz < b.khz else (b, a)
    error = math.hypot(low.high_khz - low.khz, high.khz - high.low_khz)
    return (a.khz - b.khz) / error if error else math.copysign(math.inf, a.khz - b.khz)


def check(menu: str | Path, weighted_file: Path, plain: Path, other: Path) -> WeightedCheck:
    """Compare a menu's rates on three samples.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    studies = [menu_rates(menu, [file], trained_on=True) for file in (weighted_file, plain, other)]
    found = tails(menu, weighted_file)
    errors = [
        TailError(t.seed, t.target_khz, t.threshold, t.rate)
        for target in TARGETS_KHZ
        for t in menu_rates(
            menu, [weighted_file], targets={seed: target for seed in TAILS if seed in found}, trained_on=True
        ).targets
    ]
    rows = [
        CheckedSeed(
            *(of.name, of.total_before, of.effective, same.total_before, others.total_before),
            found[of.name].clones,
        )
        for of, same, others in zip(*(study.seeds for study in studies), strict=True)
    ]
    finor = [study.finor_before for study in studies]
    sample = studies[0].samples[0]
    rows.append(CheckedSeed("FinOR", finor[0], found[""].effective, finor[1], finor[2], found[""].clones))
    return WeightedCheck(
        tuple(rows), tuple(errors), sample["crossings"], sample["exposure"], sample["effective_crossings"]
    )


def tails(menu: str | Path, weighted_file: Path) -> dict[str, Tail]:
    """What every seed of a menu selects from a weighted sample; the FinOR has the empty name."""
    compiled = load_menu(menu)
    source = open_events(weighted_file, weighted=True)
    used = sorted({score.partition(".")[0] for score in compiled.scores})
    stages = score_stages(compiled.scores, graph_files([], used), compiled.score_types)
    sampler = Sampler(compiled, stages, LHC, orbit_signals(compiled, LHC).words)
    names = [*source.has(sampler.columns), WEIGHT, "collision"]
    indices = np.array([algorithm.index for algorithm in compiled.algorithms])
    flags, weights, collisions = [], [], []
    for events in source.blocks(names):
        words, _ = sampler.words(events, False)
        part = Patterns(words, np.ones(events.n, np.int64), events.n).flags(indices)
        fired = part.any(axis=0)
        flags.append(part[:, fired])
        weights.append(events[WEIGHT][0, fired])
        collisions.append(events["collision"][:, fired])
    weight, collision = np.concatenate(weights), np.concatenate(collisions, axis=1)

    def tail(passed: Any) -> Tail:
        chosen = weight[passed]
        squares = float((chosen**2).sum())
        effective = float(chosen.sum() ** 2 / squares) if squares else 0.0
        return Tail(effective, clones(collision[:, passed], chosen))

    every = np.concatenate(flags, axis=1)
    found = {a.name: tail(every[i]) for i, a in enumerate(compiled.algorithms)}
    return {**found, "": tail(every.any(axis=0))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the plain crossings of the same pools, compare, write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--menu", type=Path, default=ROOT / "emulator/menu/default.yaml")
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--document", type=Path, default=ROOT / "docs/simulation.md")
    parser.add_argument(
        "--other", type=Path, default=FOLDER / "zerobias.parquet", help="plain crossings of other pools"
    )
    parser.add_argument("--json", action="store_true", help="print JSON and write nothing")
    options = parser.parse_args(arguments)
    run, _ = weighted(options.cache)
    plain = options.cache / "plain_of_weighted.parquet"
    write_plain(run, PLAIN, plain)
    result = check(options.menu, WEIGHTED, plain, options.other)
    if options.json:
        print(json.dumps(result.to_dict(), indent=1))
        return
    table = result.markdown()
    update_document(options.document, table, MARKS)
    print(table)


if __name__ == "__main__":
    main()
