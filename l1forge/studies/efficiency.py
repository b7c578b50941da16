"""Efficiencies of a menu on signals: seeds, groups, turn-on curves, ROC curves, model seeds against cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.remote import local_file
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import LHC, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu, Score
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.rates.intervals import Fraction, fraction
from l1forge.emulator.rates.sampling import group_places
from l1forge.emulator.rates.turn_on import TurnOn, turn_on
from l1forge.studies.efficiency_comparison import ModelGain, baselines, compare
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.menu_flags import FlaggedEvents, PreparedMenu, flagged, open_all, prepare
from l1forge.studies.quantities import quantity
from l1forge.studies.rates_inputs import ZERO_BIAS, Seen, input_files

FORMAT, VERSION = "l1forge-efficiency", 1
ROC_POINTS = 200


@dataclass(frozen=True)
class SignalEfficiency:
    """Efficiencies on one signal, before prescales.

    ``seeds`` and ``groups`` by name; ``menu``: any seed; ``cuts``: any seed without a model; ``pure``: of
    each seed, events in which no other seed fires.
    """

    signal: str
    events: int
    menu: Fraction
    cuts: Fraction
    seeds: Mapping[str, Fraction]
    pure: Mapping[str, Fraction]
    groups: Mapping[str, Fraction]


@dataclass(frozen=True)
class SeedTurnOn:
    """Turn-on curve of a seed on one signal against ``quantity``."""

    seed: str
    signal: str
    quantity: str
    curve: TurnOn


@dataclass(frozen=True)
class RocCurve:
    """Rate and efficiency of ``score >= threshold``; ``points``: (threshold, kHz, efficiency), falling rate.

    ``operating``: seed of the menu -> (threshold, kHz, efficiency) of its own cut on the score. ``area``
    under efficiency against the passed fraction of zero bias.
    """

    score: str
    signal: str
    points: tuple[tuple[int, float, float], ...]
    operating: Mapping[str, tuple[int, float, float]]
    area: float


@dataclass(frozen=True)
class MenuEfficiencies:
    """A study of a menu on signals. ``zero_bias``: files of rates, none: no ROC curves and no comparison."""

    menu: str
    signals: tuple[SignalEfficiency, ...]
    turn_ons: tuple[SeedTurnOn, ...]
    rocs: tuple[RocCurve, ...]
    gains: tuple[ModelGain, ...]
    zero_bias: tuple[str, ...]
    zero_bias_exposure: float
    zero_bias_effective: float
    excluded: tuple[Excluded, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of efficiency.json (docs/efficiency.md)."""
        document = asdict(self)
        document["gains"] = [asdict(gain) | {"verdict": gain.verdict} for gain in self.gains]
        return {"format": FORMAT, "version": VERSION} | document

    def plot(self) -> Picture:
        """Efficiency of every seed on every signal."""
        from l1forge.studies.efficiency_plots import draw_efficiencies

        return draw_efficiencies(self)

    def plot_gains(self) -> Picture:
        """What model seeds buy against re-tuned cuts."""
        from l1forge.studies.efficiency_plots import draw_gains

        return draw_gains(self.gains)

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write JSON, CSV and plots into ``folder``, all or none; returns their names."""
        from l1forge.studies.efficiency_files import save

        return save(self, folder)

    def _repr_html_(self) -> str:
        rows = [(s.signal, f"{s.events:,}", _percent(s.menu), _percent(s.cuts)) for s in self.signals]
        return html_table(self.menu, ("signal", "events", "menu [%]", "without models [%]"), rows)


def _percent(part: Fraction) -> str:
    up, down = 100 * (part.high - part.value), 100 * (part.value - part.low)
    return f"{100 * part.value:.2f} +{up:.2f} −{down:.2f}"


def parse_turn_on(text: str) -> tuple[str, str]:
    """Seed and quantity of ``L1_SingleMu22=gen.mu.pt``.

    Raises
    ------
    InputError
        If it is not of this form.
    """
    seed, separator, name = text.partition("=")
    if not (separator and seed and name):
        remedy = "such as L1_SingleMu22=gen.mu.pt"
        raise InputError("SEED=QUANTITY expected", field="--turn-on", value=text, remedy=remedy)
    return seed, name


def efficiency(
    menu: str | Path | CompiledMenu,
    signals: Sequence[str | Path],
    *,
    zero_bias: Sequence[str | Path] | None = None,
    compare_models: bool = True,
    turn_ons: Sequence[tuple[str, str]] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    models: Sequence[str] = (),
    without_models: Sequence[str] = (),
    scheme: str | Path | None = None,
    trained_on: bool = False,
    seed: int = 1,
    seen: Seen = lambda rows: None,
) -> MenuEfficiencies:
    """Measure the efficiencies of a menu.

    Parameters
    ----------
    menu
        Menu file (YAML, official XML, compiled JSON) or a loaded menu.
    signals
        Event files, or patterns; each file is one signal.
    zero_bias
        Plain or weighted zero-bias files for ROC curves and the comparison of model seeds; None: the
        committed sample if the menu has model seeds.
    compare_models
        Hold model seeds against re-tuned cuts (needs about a minute).
    turn_ons
        (seed, quantity): see ``studies.quantities``.
    groups
        Name to patterns of seed names.
    models, without_models, scheme
        As in ``menu_rates``.
    trained_on
        Also use the crossings of the committed sample that trained the shipped models.
    seed
        Of the replicas that give the errors of the comparison.
    seen
        Is told the rows of every block that was evaluated, for a progress bar.

    Raises
    ------
    InputError
        If a file, a seed or a quantity cannot be used.
    """
    complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
    files = input_files(signals)
    if not files:
        raise InputError("no signal is given", field="SIGNAL", remedy="name event files behind the menu")
    opened = {Path(file).stem: open_events(local_file(file)) for file in files}
    if len(opened) < len(files):
        raise InputError("two signals have the same file name", field="SIGNAL", remedy="rename one")
    if zero_bias is None:
        zero_bias = [ZERO_BIAS] if complete.scores else []
    background = open_all(zero_bias, trained_on) if zero_bias else []
    filling = load_scheme(scheme) if scheme else LHC
    prepared = prepare(complete, [*opened.values(), *background], filling, models, without_models)
    names = prepared.names
    for name, _ in turn_ons:
        if name not in names:
            remedy = "its name in the menu is needed"
            raise InputError("no evaluated seed has this name", field="--turn-on", value=name, remedy=remedy)
    places = group_places(names, groups or {})
    scored = any(prepared.menu.needs(algorithm) for algorithm in prepared.menu.algorithms)
    plan = baselines(prepared.menu) if compare_models and background and scored else None
    variants = plan.variants if plan else ()
    keep = bool(background) and scored
    found = {name: flagged(prepared, [source], variants, keep, seen) for name, source in opened.items()}
    values = {(s, q): quantity(opened[s], q) for s in opened for q in {q for _, q in turn_ons}}
    curves = tuple(
        SeedTurnOn(name, signal, q, turn_on(values[signal, q], _passed(of, names.index(name))))
        for name, q in turn_ons
        for signal, of in found.items()
    )
    rates = flagged(prepared, background, variants, keep, seen) if background else None
    full = filling.collision_rate / 1e3
    return MenuEfficiencies(
        complete.name,
        tuple(_of_signal(name, of, prepared, places) for name, of in found.items()),
        curves,
        tuple(_rocs(prepared, rates, found, full)) if rates else (),
        compare(names, plan, rates, found, full, seed) if rates and plan and plan.cut_seeds else (),
        tuple(str(source.path) for source in background),
        rates.exposure if rates else 0.0,
        rates.exposure**2 / rates.squares if rates else 0.0,
        prepared.excluded,
    )


def _passed(events: FlaggedEvents, place: int) -> NDArray[np.bool_]:
    passed = np.zeros(events.n, bool)
    passed[events.rows[events.flags[place]]] = True
    return passed


def _of_signal(
    name: str, events: FlaggedEvents, prepared: PreparedMenu, places: Mapping[str, Sequence[int]]
) -> SignalEfficiency:
    flags = events.flags
    fired = flags.sum(axis=0)
    cuts = [i for i, a in enumerate(prepared.menu.algorithms) if not prepared.menu.needs(a)]

    def part(passed: NDArray[np.bool_]) -> Fraction:
        return fraction(int(passed.sum()), events.n)

    return SignalEfficiency(
        name,
        events.n,
        part(fired > 0),
        part(np.asarray(flags[cuts].any(axis=0))),
        {seed: part(flags[i]) for i, seed in enumerate(prepared.names)},
        {seed: part(flags[i] & (fired == 1)) for i, seed in enumerate(prepared.names)},
        {group: part(np.asarray(flags[list(of)].any(axis=0))) for group, of in places.items()},
    )


def _rocs(
    prepared: PreparedMenu, rates: FlaggedEvents, signals: Mapping[str, FlaggedEvents], full_khz: float
) -> list[RocCurve]:
    cuts: dict[str, dict[str, int]] = {}
    for algorithm in prepared.menu.algorithms:
        condition = prepared.menu.conditions.get(str(algorithm.expression))
        if isinstance(condition, Score) and condition.lower is not None:
            cuts.setdefault(condition.score, {})[algorithm.name] = int(condition.lower)
    curves = []
    for score, background in rates.scores.items():
        order = np.argsort(background, kind="stable")[::-1]
        falling = background[order]
        khz = np.cumsum(rates.all_weights[order]) / rates.exposure * full_khz

        def rate(threshold: int, falling: Any = falling, khz: Any = khz) -> float:
            passed = int(np.searchsorted(-falling, -threshold, side="right"))
            return float(khz[passed - 1]) if passed else 0.0

        wanted = np.geomspace(khz[0], khz[-1], ROC_POINTS)
        at = falling[np.minimum(np.searchsorted(khz, wanted), falling.size - 1)]
        thresholds = [int(value) for value in np.unique(np.append(at, falling[-1]))]
        for signal, events in signals.items():
            rising = np.sort(events.scores[score])

            def passed(threshold: int, rising: Any = rising) -> float:
                return float(1 - np.searchsorted(rising, threshold, side="left") / rising.size)

            points = tuple((t, rate(t), passed(t)) for t in thresholds)
            operating = {name: (t, rate(t), passed(t)) for name, t in cuts.get(score, {}).items()}
            x = np.array([0.0, *(khz_at / full_khz for _, khz_at, _ in points[::-1])])
            y = np.array([0.0, *(of for _, _, of in points[::-1])])
            curves.append(RocCurve(score, signal, points, operating, float(np.trapezoid(y, x))))
    return curves
