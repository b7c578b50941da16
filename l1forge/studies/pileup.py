"""Rate against pile-up and luminosity: points, fits through the origin, extrapolation, a given profile."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import PILEUP, WEIGHT
from l1forge.emulator.lhc import INELASTIC_MB, LHC, ORBIT_FREQUENCY, FillingScheme, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.rates.intervals import weighted_mean
from l1forge.emulator.rates.patterns import Patterns
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.menu_flags import PreparedMenu, open_all, prepare
from l1forge.studies.rates_inputs import Seen
from l1forge.studies.rates_numbers import Rate

FORMAT, VERSION = "l1forge-pileup", 1
EXTRAPOLATED = (140.0, 200.0)
FINOR = "FinOR"
BINS = 8
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A rate at a pile-up: ``pileup`` is the mean of a file, or of the events of a bin."""

    pileup: float
    luminosity: float
    rate: Rate
    effective: float


@dataclass(frozen=True)
class Extrapolated:
    """A fitted rate at another pile-up, with its standard deviation."""

    pileup: float
    luminosity: float
    khz: float
    error_khz: float


@dataclass(frozen=True)
class Fit:
    """Rate = a mu (linear), or a mu + b mu^2 (quadratic): single collisions, and pairs of them.

    ``values`` in kHz and their ``covariance``; ``chi2`` for ``degrees`` of freedom.
    """

    kind: str
    values: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    chi2: float
    degrees: int
    extrapolated: tuple[Extrapolated, ...]

    def __call__(self, pileup: Any) -> Values:
        """The fitted rate in kHz."""
        mu = np.asarray(pileup, float)
        return np.asarray(sum(v * mu ** (k + 1) for k, v in enumerate(self.values)), np.float64)


@dataclass(frozen=True)
class PileupCurve:
    """A seed, or the FinOR: points, fits and, for a profile, the mean rate."""

    name: str
    points: tuple[Point, ...]
    fits: tuple[Fit, ...]
    profile: Rate | None


@dataclass(frozen=True)
class PileupRates:
    """A study of rates against pile-up. ``mode``: "files" of different mean, or "bins" of collisions."""

    menu: str
    inputs: tuple[str, ...]
    mode: str
    curves: tuple[PileupCurve, ...]
    excluded: tuple[Excluded, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of pileup.json (docs/rates.md)."""
        return {"format": FORMAT, "version": VERSION} | asdict(self)

    def plot(self) -> Picture:
        """FinOR and the five seeds of the highest rate, with the quadratic fits."""
        from l1forge.emulator.rates.plot import style

        shown = [self.curves[-1], *sorted(self.curves[:-1], key=lambda c: -c.points[-1].rate.khz)[:5]]
        with style():
            figure = Picture(figsize=(9, 7), style=style)
            axis = figure.subplots()
            for k, curve in enumerate(shown):
                x = np.array([point.pileup for point in curve.points])
                rates = [point.rate for point in curve.points]
                values = np.array([rate.khz for rate in rates])
                errors = np.array([[r.khz - r.low_khz for r in rates], [r.high_khz - r.khz for r in rates]])
                axis.errorbar(x, values, yerr=errors, fmt="o", ms=6, color=f"C{k}", label=curve.name)
                if curve.fits:
                    fit = curve.fits[-1]
                    line = np.linspace(0, max(e.pileup for e in fit.extrapolated), 200)
                    axis.plot(line, fit(line), color=f"C{k}")
            axis.set(xlabel="collisions per crossing", ylabel="rate [kHz]", yscale="log", ylim=(0.1, None))
            axis.set_title(f"{self.menu}: fits a µ + b µ²", fontsize=13)
            axis.legend(fontsize=10)
        return figure

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write pileup.json, pileup.csv and pileup.png, all or none; returns their names."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("seed", "what", "pileup", "luminosity", "khz", "low_khz", "high_khz"))
        for curve in self.curves:
            for point in curve.points:
                rate = point.rate
                numbers = (point.pileup, point.luminosity, rate.khz, rate.low_khz, rate.high_khz)
                writer.writerow((curve.name, "measured", *numbers))
            for fit in curve.fits:
                for at in fit.extrapolated:
                    ends = (at.khz, at.khz - at.error_khz, at.khz + at.error_khz)
                    writer.writerow((curve.name, fit.kind, at.pileup, at.luminosity, *ends))
        with atomic_files(folder) as work:
            write_text(work / "pileup.json", json.dumps(self.to_dict(), indent=1) + "\n")
            write_text(work / "pileup.csv", text.getvalue())
            self.plot().savefig(work / "pileup.png", dpi=80, bbox_inches="tight")
        return ("pileup.json", "pileup.csv", "pileup.png")

    def _repr_html_(self) -> str:
        rows = [(c.name, *(f"{p.rate.khz:.3g}" for p in c.points)) for c in self.curves]
        heads = ("seed", *(f"{p.pileup:.4g}" for p in self.curves[0].points))
        return html_table(f"{self.menu}: rate in kHz against pile-up", heads, rows)


def luminosity(pileup: float, scheme: FillingScheme) -> float:
    """Instantaneous luminosity in cm^-2 s^-1: mu n_b f / sigma_inel."""
    return pileup * scheme.count * ORBIT_FREQUENCY / (INELASTIC_MB * 1e-27)


def read_profile(path: str | Path) -> tuple[Values, Values]:
    """Pile-up and probability of a CSV with the columns ``pileup,weight``.

    Raises
    ------
    InputError
        Naming the line that cannot be used.
    """
    try:
        rows = list(csv.reader(Path(path).read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", file=path, remedy="CSV text expected") from error
    if not rows or [word.strip() for word in rows[0]] != ["pileup", "weight"]:
        raise InputError("header must be pileup,weight", file=path, field="line 1")
    found = []
    for line, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        try:
            mu, weight = map(float, row)
        except ValueError:
            mu = weight = float("nan")
        if not (0 <= mu < np.inf and 0 <= weight < np.inf):
            remedy = "two numbers that are not negative"
            raise InputError(
                "not a profile", file=path, field=f"line {line}", value=",".join(row), remedy=remedy
            )
        found.append((mu, weight))
    values = np.array(found, float).reshape(-1, 2)
    if not values[:, 1].sum():
        raise InputError("has no weight above 0", file=path, field="weight")
    return values[:, 0], values[:, 1] / values[:, 1].sum()


def pileup_rates(
    menu: str | Path | CompiledMenu,
    inputs: Sequence[str | Path],
    *,
    edges: Sequence[float] | None = None,
    at: Sequence[float] = EXTRAPOLATED,
    profile: str | Path | None = None,
    models: Sequence[str] = (),
    without_models: Sequence[str] = (),
    scheme: str | Path | None = None,
    trained_on: bool = False,
    seen: Seen = lambda rows: None,
) -> PileupRates:
    """Rates of every seed and of the FinOR against pile-up, before prescales.

    Parameters
    ----------
    menu, inputs, models, without_models, scheme, trained_on, seen
        As in ``menu_rates``; plain or weighted zero bias. Files of several mean pile-ups (their metadata
        tell it) give one point each; files of one mean are cut into bins of the collisions of every event.
    edges
        Bins of the number of collisions; asks for bins also where files differ. None: 8 bins of events.
    at
        Pile-ups to extrapolate to.
    profile
        CSV ``pileup,weight``: the rate averaged over it.

    Raises
    ------
    InputError
        If a file cannot be used or says nothing of its pile-up.
    """
    complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
    sources = open_all(inputs, trained_on or not complete.scores)
    filling = load_scheme(scheme) if scheme else LHC
    prepared = prepare(complete, sources, filling, models, without_models)
    means = [source.metadata.get("pileup") for source in sources]
    known = [float(mean) for mean in means if isinstance(mean, int | float)]
    by_file = edges is None and len(known) == len(sources) and len(set(known)) > 1
    wanted = read_profile(profile) if profile is not None else None
    if by_file:
        points = _of_files(prepared, sources, known, filling, seen)
    else:
        points = _of_bins(prepared, sources, edges, filling, seen)
    curves = tuple(
        PileupCurve(
            name,
            tuple(of),
            _fits(of, at, filling, by_file),
            _profiled(of, wanted) if wanted is not None else None,
        )
        for name, of in zip((*prepared.names, FINOR), points, strict=True)
    )
    files = tuple(str(source.path) for source in sources)
    return PileupRates(complete.name, files, "files" if by_file else "bins", curves, prepared.excluded)


def _blocks(prepared: PreparedMenu, source: EventSource, extra: Sequence[str]) -> Any:
    sampler = prepared.sampler()
    indices = np.array([algorithm.index for algorithm in prepared.menu.algorithms], np.int64)
    weighted = [WEIGHT] if WEIGHT in source.optional else []
    for events in source.blocks([*source.has(sampler.columns), *weighted, *extra]):
        words, _ = sampler.words(events, False)
        flags = Patterns(words, np.ones(events.n, np.int64), events.n).flags(indices)
        weight = events[WEIGHT][0] if weighted else np.ones(events.n)
        yield events, np.vstack([flags, flags.any(axis=0)]), weight


class _Sums:
    """Weights of events of one pile-up, and of those that pass each seed."""

    def __init__(self, seeds: int) -> None:
        self.passed, self.whole, self.pileup = np.zeros((2, seeds)), np.zeros(2), 0.0

    def add(self, flags: NDArray[np.bool_], weight: Values, pileup: Any) -> None:
        self.passed += np.stack([flags @ weight, flags @ weight**2])
        self.whole += (weight.sum(), (weight**2).sum())
        self.pileup += float((weight * pileup).sum())

    def points(self, filling: FillingScheme) -> list[Point]:
        mean = self.pileup / self.whole[0]
        full, light = filling.collision_rate / 1e3, luminosity(mean, filling)
        found = []
        for total, squares in self.passed.T:
            numbers = weighted_mean(float(total), float(squares), *map(float, self.whole))
            rate = Rate(*(full * number for number in numbers))
            found.append(Point(mean, light, rate, float(total**2 / squares) if squares else 0.0))
        return found


def _of_files(
    prepared: PreparedMenu,
    sources: Sequence[EventSource],
    means: Sequence[float],
    filling: FillingScheme,
    seen: Seen,
) -> list[list[Point]]:
    """Points of each seed and the FinOR, one for every mean."""
    sums: dict[float, _Sums] = {}
    for source, mean in zip(sources, means, strict=True):
        for events, flags, weight in _blocks(prepared, source, ()):
            sums.setdefault(mean, _Sums(len(flags))).add(flags, weight, mean)
            seen(events.n)
    columns = [sums[mean].points(filling) for mean in sorted(sums)]
    return [list(row) for row in zip(*columns, strict=True)]


def _of_bins(
    prepared: PreparedMenu,
    sources: Sequence[EventSource],
    edges: Sequence[float] | None,
    filling: FillingScheme,
    seen: Seen,
) -> list[list[Point]]:
    for source in sources:
        if PILEUP not in source.optional:
            raise InputError(
                "neither are there files of several mean pile-ups nor a number of collisions of every event",
                file=source.path,
                field=PILEUP,
                remedy="simulate at several --pileup, or use a weighted sample (l1forge simulate --weighted)",
            )
    if edges is None:
        counts = [e[PILEUP][0] for source in sources for e in source.blocks([PILEUP])]
        found = np.unique(np.quantile(np.concatenate(counts), np.linspace(0, 1, BINS + 1)).round())
        edges = [*map(float, found[:-1]), float(found[-1]) + 1]
    bounds = np.asarray(edges, float)
    if bounds.size < 2 or not (np.diff(bounds) > 0).all():
        remedy = "rising numbers of collisions, such as 30,45,60,75"
        raise InputError("two or more rising edges are needed", field="--bins", remedy=remedy)
    sums: list[_Sums] = []
    for source in sources:
        for events, flags, weight in _blocks(prepared, source, (PILEUP,)):
            pileup = events[PILEUP][0].astype(np.float64)
            sums = sums or [_Sums(len(flags)) for _ in bounds[1:]]
            place = np.searchsorted(bounds, pileup, side="right") - 1
            for k in np.unique(place):
                if 0 <= k < len(sums):
                    mine = place == k
                    sums[k].add(flags[:, mine], weight[mine], pileup[mine])
            seen(events.n)
    columns = [part.points(filling) for part in sums if part.whole[0]]
    if not columns:
        raise InputError("no event lies within the bins", field="--bins", value=list(edges))
    return [list(row) for row in zip(*columns, strict=True)]


def _fits(
    points: Sequence[Point], at: Sequence[float], filling: FillingScheme, by_file: bool
) -> tuple[Fit, ...]:
    """Linear and quadratic fits, as far as there are points with events.

    At a fixed number of collisions n pairs go with n (n - 1), whose mean at mean mu is mu^2.
    """
    used = [point for point in points if point.effective > 0]
    mu = np.array([point.pileup for point in used])
    values = np.array([point.rate.khz for point in used])
    errors = np.array([(point.rate.high_khz - point.rate.low_khz) / 2 for point in used])
    basis = np.stack([mu, mu**2 if by_file else mu * (mu - 1)]) if used else np.zeros((2, 0))
    fits = []
    for kind, size in (("linear", 1), ("quadratic", 2)):
        if len(used) < size + 1 or (errors <= 0).any():
            continue
        scaled = basis[:size] / errors
        covariance = np.linalg.inv(scaled @ scaled.T)
        best = covariance @ (scaled @ (values / errors))
        chi2 = float((((best @ basis[:size] - values) / errors) ** 2).sum())
        further = []
        for where in at:
            gradient = np.array([where, where**2])[:size]
            error = float(np.sqrt(gradient @ covariance @ gradient))
            further.append(Extrapolated(where, luminosity(where, filling), float(gradient @ best), error))
        matrix = tuple(tuple(map(float, row)) for row in covariance)
        numbers = tuple(map(float, best))
        fits.append(Fit(kind, numbers, matrix, chi2, len(used) - size, tuple(further)))
    return tuple(fits)


def _profiled(points: Sequence[Point], profile: tuple[Values, Values]) -> Rate | None:
    """The rate averaged over a profile of pile-up, interpolated between the points.

    None if part of the profile lies outside the points: nothing is extrapolated.
    """
    mu, part = profile
    x = np.array([0.0, *(point.pileup for point in points)])
    if mu[part > 0].max() > x[-1]:
        return None
    # weights of the points: interpolation is linear in them, and each is counted on its own
    weights = np.array([part @ np.interp(mu, x, row) for row in np.eye(x.size)])[1:]
    values = np.array([point.rate.khz for point in points])
    down = values - np.array([point.rate.low_khz for point in points])
    up = np.array([point.rate.high_khz for point in points]) - values
    mean = float(weights @ values)
    return Rate(
        mean, mean - float(np.hypot.reduce(weights * down)), mean + float(np.hypot.reduce(weights * up))
    )
