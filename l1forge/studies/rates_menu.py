"""Rates of a whole menu: every seed, groups, overlaps, the FinOR, and thresholds for target rates."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.lumi_mask import LumiMask
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.lhc import LHC, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.external_signals import orbit_signals
from l1forge.emulator.path.prescale import PrescaleSettings, bit_words
from l1forge.emulator.path.run_settings import load_run_settings
from l1forge.emulator.rates.leading_cut import leading_cut
from l1forge.emulator.rates.sampling import Sample, group_places
from l1forge.studies.path_inputs import graph_files, trained_part
from l1forge.studies.rates_counting import Counting, Work, narrowed
from l1forge.studies.rates_crossings import crossings_of
from l1forge.studies.rates_inputs import ZERO_BIAS, Seen, evaluable, input_files, opened
from l1forge.studies.rates_lumis import lumi_sections
from l1forge.studies.rates_results import MenuRates
from l1forge.studies.rates_seeds import SeedDetails, seed_details
from l1forge.studies.rates_tallies import study_of
from l1forge.studies.rates_thresholds import rates_at, target_threshold

if TYPE_CHECKING:
    from l1forge.studies.clusters import Cluster

CURVES = 1 << 21
"""Crossings up to which every seed gets its rate curve if nothing else is asked for."""


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
    sources, skipped = opened(files, skip_bad)
    signals = orbit_signals(complete, filling)
    compiled, excluded = evaluable(complete, list(sources.values()), signals, without_models)
    if compiled.scores and not trained_on:
        sources = {name: trained_part(source, ZERO_BIAS) for name, source in sources.items()}
    used = sorted({score.partition(".")[0] for score in compiled.scores})
    graphs = graph_files(list(models), used, compiled.score_graphs)
    closed = bit_words(settings.closed) if settings.closed.any() else None
    names = [algorithm.name for algorithm in compiled.algorithms]
    places = group_places(names, groups or {})
    cuts = [(leading_cut(compiled, seed), target) for seed, target in (targets or {}).items()]

    counting = Counting(
        list(sources),
        list(sources.values()),
        skip_bad=skip_bad,
        threads=threads or os.cpu_count() or 1,
        cluster=cluster,
        kept=kept,
        seen=seen,
    )
    mask = None if lumi_mask is None else LumiMask.load(lumi_mask)
    if mask is not None:
        for name, source in sources.items():
            if "lumi" not in source.optional:
                raise InputError(
                    "tells no luminosity sections", file=name, field="--lumi-mask", remedy="NanoAOD does"
                )
    work = Work(compiled, graphs, filling, signals.words, closed, details, mask)

    def sampled(of: CompiledMenu) -> tuple[Sample, ...]:
        return counting.count(narrowed(work, of)).samples

    totals = counting.count(work)
    samples = totals.samples
    found = tuple(target_threshold(compiled, cut, target, sampled) for cut, target in cuts)
    of_seeds: tuple[SeedDetails, ...] = ()
    if details:
        if curves is None:
            curves = samples[0].patterns.crossings <= CURVES
        rates = (sampled, rates_at) if curves else None
        of_seeds = seed_details(compiled, counting.sources, work.sampler(), rates)
    counting.done()
    study = study_of(
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
        list(counting.sources.values()),
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
