"""A worked rate study: an anomaly seed for 1 kHz of pure rate, what it buys, and who pays for it.

``python -m l1forge.studies.anomaly_budget`` (``make rates-study``) writes the tables and pictures of
docs/rates.md. The threshold is chosen on zero-bias events of even number; its rate is measured on those of
odd number, so that the choice does not flatter it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.lhc import LHC
from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.emulator.rates.intervals import weighted_mean
from l1forge.emulator.rates.leading_cut import leading_cut
from l1forge.simulation import SAMPLE
from l1forge.simulation.rate_comparison import update_document
from l1forge.simulation.sample import zero_bias as best_zero_bias
from l1forge.studies.efficiency import efficiency
from l1forge.studies.efficiency_comparison import ModelGain
from l1forge.studies.figures import Picture
from l1forge.studies.menu_flags import flagged, open_all, prepare
from l1forge.studies.prescales import ProposedPrescales, propose_prescales
from l1forge.studies.rates_numbers import Rate

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- rates-study: begin -->", "<!-- rates-study: end -->")
SEEDS = ("L1_AD_VAE", "L1_AD_TailPairs")
TARGET_KHZ = 1.0
SIGNALS = ("ttbar", "zmumu", "htautau", "A4l", "LQ_btau", "h_tautau", "Hp_taunu")
"""The committed ones; the first three chose the models (docs/vae.md), blind ones are not looked at."""
POINTS = 60


@dataclass(frozen=True)
class PureThreshold:
    """The lowest threshold of a score whose pure rate beside the cut seeds stays within the target.

    ``chosen``: pure rate on the events that chose it, ``pure`` and ``total``: on the others. ``curve``:
    (threshold, pure kHz, total kHz) on all events.
    """

    seed: str
    score: str
    threshold: int
    chosen: Rate
    pure: Rate
    total: Rate
    curve: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class AnomalyBudget:
    """The study: ``cut_menu``: rate of the seeds without models, which is also the budget."""

    zero_bias: str
    exposure: float
    effective: float
    cut_menu: Rate
    thresholds: tuple[PureThreshold, ...]
    gains: tuple[ModelGain, ...]
    prescales: ProposedPrescales

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        document = asdict(self) | {"prescales": self.prescales.to_dict()}
        document["gains"] = [asdict(gain) | {"verdict": gain.verdict} for gain in self.gains]
        return document

    def markdown(self) -> str:
        """The tables of docs/rates.md."""
        heads = (
            "seed",
            "threshold",
            "pure rate, events that chose it (kHz)",
            "pure rate, others (kHz)",
            "total (kHz)",
        )
        rows = [
            (f"`{t.seed}`", str(t.threshold), _text(t.chosen), _text(t.pure), _text(t.total))
            for t in self.thresholds
        ]
        lines = [
            f"Cut menu (seeds without models): {_text(self.cut_menu)} kHz. `{self.zero_bias}`: worth "
            f"{self.exposure:,.0f} plain crossings, effective number {self.effective:,.0f}.",
            "",
            *_table(heads, rows),
            "",
        ]
        heads = ("seed", "signal", "pure rate (kHz)", "seed gains (%)", "re-tuned cuts gain (%)")
        gained = [
            (
                *(f"`{g.seed}`", g.signal, f"{g.rate_khz.value:.2f} ± {g.rate_khz.error:.2f}"),
                *(f"{100 * e.value:.2f} ± {100 * e.error:.2f}" for e in (g.model, g.cuts, g.difference)),
                *(g.verdict, g.how.removeprefix("L1_")),
            )
            for g in self.gains
            if g.kind == "pure"
        ]
        lines += [*_table((*heads, "difference (%)", "verdict", "cuts re-tuned"), gained), ""]
        paid = [seed for seed in self.prescales.seeds if seed.prescale != 1]
        heads = ("prescaled seed", "prescale", "before (kHz)", "after (kHz)", "crossings still accepted (%)")
        payers = [
            (
                *(f"`{s.name}`", f"{s.prescale:g}", _text(s.before), _text(s.after)),
                f"{100 * s.accepted:.0f}",
            )
            for s in paid
        ]
        p = self.prescales
        lines += [
            f"Budget {p.budget_khz:.1f} kHz: FinOR {_text(p.finor_before)} kHz before, "
            f"{_text(p.finor_after)} kHz behind the proposed prescales; {100 * p.cost:.2f} % of the value "
            "is lost.",
            "",
            *_table(heads, payers),
        ]
        return "\n".join(lines)

    def plot(self) -> Picture:
        """Total and pure rate against the threshold of each score."""
        from l1forge.emulator.rates.plot import style

        with style():
            figure = Picture(figsize=(6 * len(self.thresholds), 5), style=style)
            axes = np.atleast_1d(figure.subplots(1, len(self.thresholds)))
            for axis, found in zip(axes, self.thresholds, strict=True):
                x, pure, total = map(np.array, zip(*found.curve, strict=True))
                axis.plot(x, total, label="total")
                axis.plot(x, pure, label="pure, beside the cut menu")
                axis.axhline(TARGET_KHZ, color="grey", lw=1)
                axis.axvline(found.threshold, color="grey", lw=1, ls="--")
                axis.set(xlabel=f"{found.score} ≥", ylabel="rate [kHz]", yscale="log", ylim=(0.05, None))
                axis.set_title(f"{found.seed}: {found.threshold} for {TARGET_KHZ:g} kHz", fontsize=12)
                axis.legend(fontsize=10)
            figure.tight_layout()
        return figure


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---", *["--:"] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (heads, marks, *rows)]


def _text(rate: Rate) -> str:
    return f"{rate.khz:.2f} ± {(rate.high_khz - rate.low_khz) / 2:.2f}"


def narrowed(menu: CompiledMenu, seeds: Mapping[str, int]) -> CompiledMenu:
    """The cut seeds of ``menu`` and ``seeds`` at these thresholds, no other seed on a model."""
    conditions = dict(menu.conditions)
    for name, threshold in seeds.items():
        cut = leading_cut(menu, name)
        conditions[cut.condition] = conditions[cut.condition].model_copy(update={"lower": threshold})
    algorithms = tuple(a for a in menu.algorithms if a.name in seeds or not menu.needs(a))
    used = {name for algorithm in algorithms for name in condition_names(algorithm.expression)}
    kept = {name: condition for name, condition in conditions.items() if name in used}
    return menu.model_copy(update={"algorithms": algorithms, "conditions": kept})


class _ZeroBias:
    """Weights, scores and the cut seeds' decision of every event."""

    def __init__(self, menu: CompiledMenu, zero_bias: Path, trained_on: bool) -> None:
        sources = open_all([zero_bias], trained_on)
        prepared = prepare(menu, sources, LHC)
        events = flagged(prepared, sources, keep_scores=True)
        cuts = [i for i, a in enumerate(prepared.menu.algorithms) if not prepared.menu.needs(a)]
        self.cut = np.zeros(events.n, bool)
        self.cut[events.rows] = events.flags[cuts].any(axis=0)
        self.weights, self.scores = events.all_weights, events.scores
        self.exposure, self.squares = events.exposure, events.squares

    def rate(self, passed: NDArray[np.bool_], part: NDArray[np.bool_]) -> Rate:
        """Rate in kHz of events that pass, from a part of the sample."""
        full, chosen, every = LHC.collision_rate / 1e3, self.weights[passed & part], self.weights[part]
        numbers = weighted_mean(
            *(float(chosen.sum()), float((chosen**2).sum())), *(float(every.sum()), float((every**2).sum()))
        )
        return Rate(*(full * number for number in numbers))

    def pure_threshold(self, seed: str, score: str, target_khz: float) -> PureThreshold:
        """Choose on even events, measure on odd ones."""
        values = self.scores[score].astype(np.int64)
        even = np.arange(values.size) % 2 == 0
        every = np.ones(values.size, bool)
        pure = ~self.cut
        order = np.argsort(values[even & pure])[::-1]
        falling = values[even & pure][order]
        khz = (
            np.cumsum(self.weights[even & pure][order]) / self.weights[even].sum() * LHC.collision_rate / 1e3
        )
        within = int(np.searchsorted(khz, target_khz, side="right"))
        # the score of the first event too many must not pass: equal scores pass together
        threshold = int(falling[within]) + 1 if within < falling.size else int(falling[-1])
        steps = np.unique(np.linspace(threshold // 2, 2 * threshold, POINTS).astype(np.int64))
        curve = tuple(
            (int(t), self.rate(pure & (values >= t), every).khz, self.rate(values >= t, every).khz)
            for t in steps
        )
        passed = values >= threshold
        return PureThreshold(
            seed,
            score,
            threshold,
            self.rate(pure & passed, even),
            self.rate(pure & passed, ~even),
            self.rate(passed, ~even),
            curve,
        )


def anomaly_budget(
    zero_bias: Path,
    signals: Sequence[Path],
    menu: str | Path = DEFAULT,
    seeds: Sequence[str] = SEEDS,
    target_khz: float = TARGET_KHZ,
    trained_on: bool = False,
) -> AnomalyBudget:
    """Choose thresholds for a pure rate, hold the seeds against re-tuned cuts, propose prescales.

    Parameters
    ----------
    zero_bias, signals
        Event files; the zero bias is plain or weighted.
    seeds
        Seeds of ``menu`` that cut on a score.
    trained_on
        Also use the crossings of the committed plain sample that trained the models.

    Raises
    ------
    InputError
        If a file or seed cannot be used.
    """
    complete = load_menu(menu)
    background = _ZeroBias(complete, zero_bias, trained_on)
    every = np.ones(background.weights.size, bool)
    cut_menu = background.rate(background.cut, every)
    found = tuple(
        background.pure_threshold(name, leading_cut(complete, name).what, target_khz) for name in seeds
    )
    tuned = narrowed(complete, {t.seed: t.threshold for t in found})
    study = efficiency(tuned, signals, zero_bias=[zero_bias], trained_on=trained_on)
    first = narrowed(complete, {found[0].seed: found[0].threshold})
    paid = propose_prescales(
        first, [zero_bias], cut_menu.khz, fixed={found[0].seed: 1.0}, trained_on=trained_on
    )
    effective = background.exposure**2 / background.squares
    return AnomalyBudget(zero_bias.name, background.exposure, effective, cut_menu, found, study.gains, paid)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write tables and pictures into docs/rates.md, or print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--zero-bias", type=Path, default=best_zero_bias())
    parser.add_argument("--document", type=Path, default=ROOT / "docs/rates.md")
    parser.add_argument("--json", action="store_true", help="print JSON and write nothing")
    options = parser.parse_args(arguments)
    study = anomaly_budget(options.zero_bias, [SAMPLE / f"{name}.parquet" for name in SIGNALS])
    if options.json:
        print(json.dumps(study.to_dict(), indent=1))
        return
    figures = options.document.parent / "figures"
    study.plot().savefig(figures / "rates_study_thresholds.png", dpi=80, bbox_inches="tight")
    from l1forge.studies.efficiency_plots import draw_gains

    draw_gains(study.gains).savefig(figures / "rates_study_gains.png", dpi=80, bbox_inches="tight")
    text = study.markdown()
    update_document(options.document, text, MARKS)
    print(text)


if __name__ == "__main__":
    main()
