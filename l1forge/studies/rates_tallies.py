"""From counted patterns to the rates of every seed and group of a menu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.lhc import FillingScheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.path.external_signals import OrbitSignals
from l1forge.emulator.path.prescale import UNIT, PrescaleSettings
from l1forge.emulator.rates.after_rules import after_rules
from l1forge.emulator.rates.sampling import RECORDED, Sample
from l1forge.emulator.rates.shares import Shares, probabilities, shares
from l1forge.studies.rates_numbers import Rate, combined, effective_number, reduced
from l1forge.studies.rates_results import GroupRate, MenuRates, SeedRate, TargetThreshold


def study_of(
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
    """The study of what was counted; ``places``: seeds of every group, ``notes``: of each file's reader."""
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
    finor_after = combined([part.finor for part in after], samples)
    rules = after_rules(finor_after.khz, filling)

    def ruled(rate: Rate) -> Rate:
        return reduced(rate, rules.part, rules.error)

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
                ruled(rate(after, "total")) if inside else None,
                ruled(rate(after, "pure")) if inside else None,
                ruled(rate(after, "proportional")) if inside else None,
                effective_number([part.total[i] for part in before]),
            )
        )
    overlap = sum(
        part.overlap * (sample.rate / 1e3 / max(sample.patterns.exposure, 1e-300))
        for part, sample in zip(after, samples, strict=True)
    )
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
        after_rules=rules,
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
