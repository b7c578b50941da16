"""Rates of a whole menu: every seed, groups, overlaps, the FinOR, and thresholds for target rates."""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.lumi_mask import LumiMask
from l1forge.emulator.events.objects import COLUMNS, WEIGHT
from l1forge.emulator.events.remote import is_remote, listed
from l1forge.emulator.lhc import LHC, FillingScheme, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu, External, condition_names
from l1forge.emulator.menu.excluded import Excluded, absent_inputs, of_models, without
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.external_signals import OrbitSignals, orbit_signals
from l1forge.emulator.path.prescale import UNIT, PrescaleSettings, bit_words
from l1forge.emulator.path.run_settings import load_run_settings
from l1forge.emulator.rates.after_rules import AfterRules, after_rules
from l1forge.emulator.rates.intervals import weighted_fraction, weighted_mean
from l1forge.emulator.rates.leading_cut import LeadingCut, at_thresholds, leading_cut, next_codes
from l1forge.emulator.rates.sampling import (
    RECORDED,
    Sample,
    group_places,
    objects_of_neighbours,
)
from l1forge.emulator.rates.shares import Shares, Tally, probabilities, shares
from l1forge.simulation import SAMPLE
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.path_inputs import graph_files, trained_part
from l1forge.studies.rates_counting import Counting, Skipped, Work, narrowed, open_input
from l1forge.studies.rates_crossings import FiredCrossings, crossings_of
from l1forge.studies.rates_lumis import LumiSection, lumi_sections
from l1forge.studies.rates_seeds import SeedDetails, seed_details

if TYPE_CHECKING:
    from hist import Hist

    from l1forge.studies.clusters import Cluster

FORMAT, VERSION = "l1forge-rates", 1
LIMITS_KHZ = (100.0, 750.0)
"""Level-1 accept rates of the LHC trigger and of the HL-LHC one."""
ZERO_BIAS = SAMPLE / "zerobias.parquet"
CURVES = 1 << 21
"""Crossings up to which every seed gets its rate curve if nothing else is asked for."""
Seen = Callable[[int], None]


@dataclass(frozen=True)
class Rate:
    """A rate in kHz with the ends of its central 68.3 % interval."""

    khz: float
    low_khz: float
    high_khz: float


@dataclass(frozen=True)
class SeedRate:
    """Rates of a seed before (prescale 1) and after its prescale; None where it is not in the FinOR.

    ``count``: events in which it fires before its prescale; ``effective``: their effective number,
    (sum of weights)^2 / sum of squared weights, the same for plain samples.
    """

    index: int
    name: str
    prescale: float
    count: int
    total_before: Rate
    total_after: Rate
    pure_before: Rate | None
    pure_after: Rate | None
    proportional_before: Rate | None
    proportional_after: Rate | None
    effective: float = 0.0


@dataclass(frozen=True)
class GroupRate:
    """Rates of a group behind prescales: any seed fires; only seeds of it (its unique part); with others."""

    name: str
    seeds: tuple[str, ...]
    total: Rate
    pure: Rate
    shared: Rate


@dataclass(frozen=True)
class ThresholdPoint:
    """Rate of a seed with its leading cut at ``threshold`` (hardware code), before its prescale."""

    threshold: int
    rate: Rate


@dataclass(frozen=True)
class TargetThreshold:
    """The lowest leading threshold of a seed whose rate stays within ``target_khz``.

    ``low``, ``high``: lowest thresholds whose lower and upper interval ends stay within it; ``high`` None:
    too few crossings for one. ``gev``: the threshold in GeV, None for scores and counts.
    """

    seed: str
    cut: str
    target_khz: float
    threshold: int
    low: int
    high: int | None
    gev: float | None
    rate: Rate
    curve: tuple[ThresholdPoint, ...]


@dataclass(frozen=True)
class MenuRates:
    """A rate study of a menu. ``overlap_khz``: both seeds fire, (m, m), behind prescales.

    ``samples``: kind of crossings, how many were counted, how many come per second, and whether they are
    all of them; ``left_out_crossings`` trained the models; ``signals`` were derived from ``scheme``;
    ``skipped`` files could not be read; ``resumed_crossings`` were counted by an earlier attempt;
    ``masked_crossings`` are outside the lumi mask;
    ``after_rules``: what the trigger rules leave of the FinOR behind prescales.
    """

    menu: str
    inputs: tuple[str, ...]
    scheme: str
    samples: tuple[Mapping[str, Any], ...]
    left_out_crossings: int
    seeds: tuple[SeedRate, ...]
    finor_before: Rate
    finor_after: Rate
    groups: tuple[GroupRate, ...]
    overlap_khz: tuple[tuple[float, ...], ...]
    targets: tuple[TargetThreshold, ...]
    excluded: tuple[Excluded, ...]
    signals: tuple[str, ...]
    unknown_signals: tuple[str, ...]
    notes: tuple[str, ...]
    details: tuple[SeedDetails, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    resumed_crossings: int = 0
    crossings: FiredCrossings | None = None
    lumi_sections: tuple[LumiSection, ...] = ()
    masked_crossings: int = 0
    after_rules: AfterRules | None = None

    def limits(self) -> list[dict[str, float]]:
        """The FinOR behind prescales as a part of each limit, with its interval."""
        rate = self.finor_after
        return [
            {
                "limit_khz": limit,
                "part": rate.khz / limit,
                "part_low": rate.low_khz / limit,
                "part_high": rate.high_khz / limit,
            }
            for limit in LIMITS_KHZ
        ]

    def overlap_fractions(self) -> list[list[float | None]]:
        """Row by row: part of the row's seed in which the column's fires too; None where it never does."""
        rows: list[list[float | None]] = []
        for place, row in enumerate(self.overlap_khz):
            own = row[place]
            rows.append([value / own if own else None for value in row])
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of rates.json (docs/rates.md); ``details`` are in seeds.json."""
        document = asdict(replace(self, details=(), resumed_crossings=0, crossings=None)) | {
            "limits": self.limits(),
            "overlap_fraction": self.overlap_fractions(),
        }
        del document["details"], document["resumed_crossings"], document["crossings"]
        return {"format": FORMAT, "version": VERSION} | document

    def plot(self) -> Picture:
        """Total and pure rates of the seeds behind prescales."""
        from l1forge.studies.rates_menu_plots import draw_rates

        return draw_rates(self)

    def plot_overlap(self) -> Picture:
        """Overlap of every two seeds, as a fraction of the row's seed."""
        from l1forge.studies.rates_menu_plots import draw_overlap

        return draw_overlap(self)

    def plot_target(self, place: int = 0) -> Picture:
        """Rate against the leading threshold of a target's seed."""
        from l1forge.studies.rates_menu_plots import draw_target

        return draw_target(self.targets[place])

    def histograms(self) -> dict[str, Hist]:
        """Rates by seed and by threshold as ``hist`` objects: the content of histograms.json."""
        from l1forge.studies.rates_histograms import histograms

        return histograms(self)

    def html(self) -> str:
        """The study as one HTML page."""
        from l1forge.studies.pages.rates_page import rates_page

        return rates_page(self)

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write page, JSON, CSV and plots into ``folder``, all or none; returns their names."""
        from l1forge.studies.rates_menu_files import save

        return save(self, folder)

    def _repr_html_(self) -> str:
        headings = ("bit", "seed", "prescale", "before [kHz]", "after [kHz]", "pure [kHz]", "prop. [kHz]")
        rows = []
        for seed in self.seeds:
            shown = (seed.total_before, seed.total_after, seed.pure_after, seed.proportional_after)
            rows.append((seed.index, seed.name, f"{seed.prescale:g}", *map(with_errors, shown)))
        title = f"{self.menu}: FinOR {with_errors(self.finor_after)} kHz"
        return html_table(title, headings, rows)


def with_errors(rate: Rate | None) -> str:
    """A rate with its errors, as text."""
    if rate is None:
        return "–"
    return f"{rate.khz:.3f} +{rate.high_khz - rate.khz:.3f} −{rate.khz - rate.low_khz:.3f}"


def is_menu(name: str) -> bool:
    """Is ``name`` the file of a menu (YAML, XML, compiled JSON), not a model?"""
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml", ".xml"):
        return True
    if suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b'"l1forge-menu"' in file.read(4096)


def input_files(names: Sequence[str | Path]) -> tuple[str, ...]:
    """The files of ``names``: patterns (``run*.parquet``) and lists (``@runs.txt``) become their files.

    A list has one name, pattern or address in each line; empty lines and those that begin with # are
    passed over. Patterns give their files in order.

    Raises
    ------
    InputError
        If a list cannot be read, a pattern matches nothing, or a file is named twice: its crossings would
        count twice.
    """
    files: list[str] = []
    for name in _unlisted(names):
        if is_remote(name):
            found = listed(name)
        elif not Path(name).exists() and glob.has_magic(name):
            found = sorted(glob.glob(name, recursive=True))
        else:
            found = [name]
        if not found:
            raise InputError("matches no file", field="INPUT", value=name, remedy="check the pattern")
        files += found
    seen: set[str] = set()
    for file in files:
        same = file if is_remote(file) else str(Path(file).resolve())
        if same in seen:
            raise InputError("is given twice", file=file, remedy="name every input once")
        seen.add(same)
    return tuple(files)


def _unlisted(names: Sequence[str | Path]) -> Iterator[str]:
    for name in map(str, names):
        if not name.startswith("@") or Path(name).exists():
            yield name
            continue
        try:
            text = Path(name[1:]).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("list cannot be read", file=name[1:], remedy="one name in each line") from error
        lines = [line.strip() for line in text.splitlines()]
        yield from (line for line in lines if line and not line.startswith("#"))


def parse_target(text: str) -> tuple[str, float]:
    """Seed and rate in kHz of ``L1_SingleMu22=1kHz``; units Hz, kHz, MHz, none is kHz.

    Raises
    ------
    InputError
        If it is not of this form.
    """
    seed, separator, value = text.rpartition("=")
    if not separator or not seed:
        raise InputError("SEED=RATE expected", field="--target", value=text, remedy="such as L1_Mu22=1kHz")
    return seed, parse_rate(value, "--target", text, "SEED=RATE expected", "such as L1_Mu22=1kHz")


def parse_rate(
    value: str, option: str, text: str, problem: str = "rate expected", remedy: str = "such as 100kHz"
) -> float:
    """A rate in kHz; units Hz, kHz, MHz, none is kHz.

    Raises
    ------
    InputError
        If it is none: of ``option`` with ``text``.
    """
    units = {"mhz": 1e3, "khz": 1.0, "hz": 1e-3}
    lower = value.strip().lower()
    unit = next((unit for unit in ("khz", "mhz", "hz") if lower.endswith(unit)), "")
    try:
        rate = float(lower.removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise InputError(problem, field=option, value=text, remedy=remedy)
    return rate


def menu_rates(
    menu: str | Path | CompiledMenu,
    inputs: Sequence[str | Path],
    *,
    prescales: Sequence[str | Path] = (),
    column: str | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    targets: Mapping[str, float] | None = None,
    models: Sequence[str] = (),
    without_models: Sequence[str] = (),
    scheme: str | Path | None = None,
    trained_on: bool = False,
    threads: int | None = None,
    seen: Seen = lambda rows: None,
    details: bool = False,
    curves: bool | None = None,
    skip_bad: bool = False,
    cluster: Cluster | None = None,
    kept: Path | None = None,
    lumi_mask: str | Path | None = None,
) -> MenuRates:
    """Find the rates of every seed of a menu, with errors.

    Parameters
    ----------
    menu
        Menu file (YAML, official XML, compiled JSON) or a loaded menu.
    inputs
        Zero-bias event files, patterns of names, addresses (``https://…``, through fsspec), or lists of them
        (``@list.txt``). Files with BX numbers are whole recorded orbits.
    prescales, column
        Prescale files (docs/path.md) and the column; none: every prescale is 1.
    groups
        Name to patterns of seed names.
    targets
        Seed name to a rate in kHz, before its prescale.
    models, without_models
        ``name=graph.json`` in place of a shipped model; models whose seeds are left out.
    scheme
        Filling scheme, JSON or CSV; None: 2748 colliding crossings of the LHC.
    trained_on
        Also use the crossings of the committed sample that trained the shipped models.
    threads
        None: all cores; the result is the same for any number.
    seen
        Is told the rows of every block that was counted, for a progress bar.
    details, curves
        Also find crossings in which each seed fired, and its rate curve (16 seeds for each pass over the
        events; None: for up to 2 M crossings).
    skip_bad
        Leave out files that cannot be read, with all their crossings, instead of InputError.
    cluster
        Counts instead of threads (``l1forge.studies.clusters``); the result is the same.
    kept
        Folder that keeps counts of parts of the files until the study is complete: called again after it was
        killed, it goes on from there.
    lumi_mask
        JSON file of runs and luminosity sections: crossings outside are not counted (NanoAOD).

    Raises
    ------
    InputError
        If a file, a name or a rate cannot be used.
    """
    complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
    for seed, target in (targets or {}).items():
        if not 0 < target < math.inf:
            raise InputError("is not a rate in kHz", field="--target", value=target, remedy=f"of {seed}")
    indices = {algorithm.name: algorithm.index for algorithm in complete.algorithms}
    if column and not prescales:
        raise InputError("needs --prescales", field="--column", value=column)
    if prescales:
        settings = load_run_settings([Path(path) for path in prescales], indices, column)
    else:
        settings = PrescaleSettings.default(indices.values())
    files = input_files(inputs)
    if not files:
        raise InputError("no events are given", field="INPUT", remedy="name event files behind the menu")
    filling = load_scheme(scheme) if scheme else LHC
    opened, skipped = _opened(files, skip_bad)
    signals = orbit_signals(complete, filling)
    compiled, excluded = evaluable(complete, list(opened.values()), signals, without_models)
    if compiled.scores and not trained_on:
        opened = {name: trained_part(source, ZERO_BIAS) for name, source in opened.items()}
    used = sorted({score.partition(".")[0] for score in compiled.scores})
    graphs = graph_files(list(models), used, compiled.score_graphs)
    closed = bit_words(settings.closed) if settings.closed.any() else None
    names = [algorithm.name for algorithm in compiled.algorithms]
    places = group_places(names, groups or {})
    cuts = [(leading_cut(compiled, seed), target) for seed, target in (targets or {}).items()]

    counting = Counting(
        list(opened),
        list(opened.values()),
        skip_bad=skip_bad,
        threads=threads or os.cpu_count() or 1,
        cluster=cluster,
        kept=kept,
        seen=seen,
    )
    mask = None if lumi_mask is None else LumiMask.load(lumi_mask)
    if mask is not None:
        for name, source in opened.items():
            if "lumi" not in source.optional:
                raise InputError(
                    "tells no luminosity sections", file=name, field="--lumi-mask", remedy="NanoAOD does"
                )
    work = Work(compiled, graphs, filling, signals.words, closed, details, mask)

    def sampled(of: CompiledMenu) -> tuple[Sample, ...]:
        return counting.count(narrowed(work, of)).samples

    totals = counting.count(work)
    samples = totals.samples
    found = tuple(_threshold(compiled, cut, target, sampled) for cut, target in cuts)
    of_seeds: tuple[SeedDetails, ...] = ()
    if details:
        if curves is None:
            curves = samples[0].patterns.crossings <= CURVES
        rates = (sampled, _rates_at) if curves else None
        of_seeds = seed_details(compiled, counting.sources, work.sampler(), rates)
    counting.done()
    sources = list(counting.sources.values())
    study = _study(
        complete.name,
        tuple(counting.sources),
        filling,
        samples,
        compiled,
        settings,
        places,
        found,
        excluded,
        signals,
        sources,
        totals.notes,
    )
    return replace(
        study,
        details=of_seeds,
        skipped=(*skipped, *counting.skipped),
        resumed_crossings=counting.resumed,
        crossings=crossings_of(totals, compiled, settings) if details else None,
        lumi_sections=lumi_sections(totals.lumis, compiled),
        masked_crossings=totals.masked,
        notes=(*study.notes, *_absent(counting.sources, work.sampler().columns)),
    )


def _absent(sources: Mapping[str, EventSource], columns: Sequence[str]) -> list[str]:
    """One note for each object column that a seed or model reads and a file lacks: it is 0 there."""
    notes = []
    for column in columns:
        files = [name for name, source in sources.items() if column not in source.columns]
        if column in COLUMNS and files:
            more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
            notes.append(f"{files[0]}{more}: no {column}, which seeds or models read: taken as 0")
    return notes


def _opened(names: Sequence[str], skip_bad: bool) -> tuple[dict[str, EventSource], list[Skipped]]:
    found, skipped = {}, []
    for name in names:
        try:
            found[name] = open_input(name)
        except InputError as error:
            if not skip_bad:
                if len(names) == 1:
                    raise
                raise InputError(f"{error}; --skip-bad leaves such files out") from error
            skipped.append(Skipped(name, str(error)))
    if not found:
        raise InputError("no file can be read", field="INPUT", value=skipped[0].reason)
    return found, skipped


def evaluable(
    menu: CompiledMenu, sources: Sequence[EventSource], signals: OrbitSignals, without_models: Sequence[str]
) -> tuple[CompiledMenu, tuple[Excluded, ...]]:
    """The menu without seeds on inputs that are absent, also external signals that cannot be derived."""
    common = set.intersection(*(set(source.columns) for source in sources)) if sources else set()
    given = "ext" in common and "bx" in common
    reasons = absent_inputs(menu, common | {"ext"})
    if not given:
        for algorithm in menu.algorithms:
            if any(
                isinstance(condition, External) and condition.index in signals.unknown_bits
                for condition in map(menu.conditions.__getitem__, condition_names(algorithm.expression))
            ):
                reasons.setdefault(
                    algorithm.index, "an external signal does not follow from the filling scheme"
                )
    if any(WEIGHT in source.optional for source in sources):
        for algorithm in menu.algorithms:
            if any(
                objects_of_neighbours(menu.conditions[name]) for name in condition_names(algorithm.expression)
            ):
                reasons.setdefault(algorithm.index, "weighted events have no neighbouring crossings")
    return without(menu, reasons | of_models(menu, without_models))


def _study(
    name: str,
    files: tuple[str, ...],
    filling: FillingScheme,
    samples: Sequence[Sample],
    menu: CompiledMenu,
    settings: PrescaleSettings,
    places: Mapping[str, tuple[int, ...]],
    targets: tuple[TargetThreshold, ...],
    excluded: tuple[Excluded, ...],
    signals: OrbitSignals,
    sources: Sequence[EventSource],
    notes: Mapping[str, Mapping[str, int]],
) -> MenuRates:
    indices = np.array([algorithm.index for algorithm in menu.algorithms], np.int64)
    names = [algorithm.name for algorithm in menu.algorithms]
    finor, veto = settings.finor[indices], settings.veto[indices]
    ones = np.ones(len(indices))
    fires = probabilities(settings, indices)
    before = [shares(sample.patterns, indices, ones, finor, veto, {}) for sample in samples]
    after = [shares(sample.patterns, indices, fires, finor, veto, places) for sample in samples]
    fired = np.zeros(len(indices), np.int64)
    for sample in samples:
        fired += sample.patterns.flags(indices) @ sample.patterns.counts
    seeds = []
    for i, index in enumerate(indices):
        inside = bool(finor[i])

        def rate(of: Sequence[Shares], what: str, place: int = i) -> Rate:
            return combined([getattr(part, what)[place] for part in of], samples)

        seeds.append(
            SeedRate(
                int(index),
                names[i],
                int(settings.factors[index]) / UNIT,
                int(fired[i]),
                rate(before, "total"),
                rate(after, "total"),
                rate(before, "pure") if inside else None,
                rate(after, "pure") if inside else None,
                rate(before, "proportional") if inside else None,
                rate(after, "proportional") if inside else None,
                effective_number([part.total[i] for part in before]),
            )
        )
    overlap = sum(
        part.overlap * (sample.rate / 1e3 / max(sample.patterns.exposure, 1e-300))
        for part, sample in zip(after, samples, strict=True)
    )
    finor_after = combined([part.finor for part in after], samples)
    return MenuRates(
        name,
        files,
        filling.name,
        tuple(
            {
                "kind": sample.kind,
                "crossings": sample.patterns.crossings,
                "rate_khz": sample.rate / 1e3,
                "exact": sample.exact,
                "weighted": sample.patterns.is_weighted,
                "exposure": sample.patterns.exposure,
                "effective_crossings": sample.patterns.effective,
            }
            for sample in samples
        ),
        sum(source.first for source in sources),
        tuple(seeds),
        combined([part.finor for part in before], samples),
        finor_after,
        tuple(
            GroupRate(
                group,
                tuple(names[i] for i in members),
                *(combined([part.groups[group][k] for part in after], samples) for k in range(3)),
            )
            for group, members in places.items()
        ),
        tuple(tuple(map(float, row)) for row in np.asarray(overlap)),
        targets,
        excluded,
        signals.known,
        signals.unknown,
        _notes(samples, filling, signals, notes),
        after_rules=after_rules(finor_after.khz, filling),
    )


def _notes(
    samples: Sequence[Sample],
    filling: FillingScheme,
    signals: OrbitSignals,
    of_files: Mapping[str, Mapping[str, int]],
) -> tuple[str, ...]:
    notes = [f"{name}: {note}: {count:,}" for name, told in of_files.items() for note, count in told.items()]
    if signals.known and filling.beam1 is None and samples[0].kind != RECORDED:
        notes.append(f"{filling.name} tells no bunches without partner: each beam is filled where both meet")
    if samples[0].kind != RECORDED and samples[0].patterns.crossings < filling.count:
        notes.append(
            "the events fill less than one orbit: masks and external signals of later BXs are unseen"
        )
    return tuple(notes)


def combined(tallies: Sequence[Tally], samples: Sequence[Sample]) -> Rate:
    """The sum of the rates of all kinds of crossings; errors in quadrature, none of complete kinds."""
    value = down = up = 0.0
    for tally, sample in zip(tallies, samples, strict=True):
        scale, n = sample.rate / 1e3, sample.patterns.crossings
        if sample.patterns.is_weighted:
            exposure, squares = sample.patterns.exposure, sample.patterns.squares
            mean, low, high = weighted_mean(tally.total, tally.squares, exposure, squares, tally.largest)
        else:
            mean, low, high = weighted_fraction(tally.total, tally.squares, n, tally.largest)
        value += mean * scale
        if not sample.exact and n:
            down += ((mean - low) * scale) ** 2
            up += ((high - mean) * scale) ** 2
    return Rate(value, value - math.sqrt(down), value + math.sqrt(up))


def effective_number(tallies: Sequence[Tally]) -> float:
    """(sum of weights)^2 / sum of squared weights over all kinds of crossings."""
    total, squares = sum(tally.total for tally in tallies), sum(tally.squares for tally in tallies)
    return total * total / squares if squares else 0.0


def _threshold(
    menu: CompiledMenu,
    cut: LeadingCut,
    target: float,
    sampled: Callable[[CompiledMenu], tuple[Sample, ...]],
) -> TargetThreshold:
    """Scan all thresholds, then between those that enclose the target, until neighbours are found."""
    known: dict[int, Rate] = {}

    def scan(low: int, high: int) -> list[int]:
        codes = next_codes(low, high)
        known.update(_rates_at(sampled(at_thresholds(menu, cut, codes)), codes))
        return codes

    def lowest(key: str) -> int | None:
        """The lowest threshold at which that end of the interval stays within the target."""
        while True:
            passing = [code for code, rate in known.items() if getattr(rate, key) <= target]
            if not passing:
                return None
            high = min(passing)
            failing = [code for code in known if code < high]
            if not failing or high - max(failing) == 1:
                return high
            scan(max(failing), high)

    curve = scan(cut.lowest, cut.highest)
    threshold, low, high = (lowest(key) for key in ("khz", "low_khz", "high_khz"))
    if threshold is None:
        raise InputError(
            "the rate is above the target at any threshold of its leading cut",
            field="--target",
            value=f"{cut.algorithm.name}={target:g}kHz",
            remedy="other parts of the seed fire too often",
        )
    return TargetThreshold(
        cut.algorithm.name,
        cut.what,
        target,
        threshold,
        threshold if low is None else low,
        high,
        cut.physical(threshold),
        known[threshold],
        tuple(ThresholdPoint(code, known[code]) for code in curve),
    )


def _rates_at(samples: Sequence[Sample], codes: Sequence[int]) -> dict[int, Rate]:
    indices = np.arange(len(codes))
    sums = [
        tuple(sample.patterns.flags(indices) @ moment for moment in sample.patterns.moments)
        for sample in samples
    ]
    return {
        code: combined([Tally(float(total[i]), float(squares[i])) for total, squares in sums], samples)
        for i, code in enumerate(codes)
    }
