"""Prescales for a rate budget: a proposal, what it keeps of every seed and group, and its files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import LHC, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.experiment_columns import write_experiment_csv
from l1forge.emulator.path.prescale import PrescaleSettings, factor
from l1forge.emulator.rates.budget import Crossings, Wanted, propose
from l1forge.emulator.rates.sampling import Sample, group_places
from l1forge.emulator.rates.shares import shares
from l1forge.studies.html import html_table
from l1forge.studies.menu_flags import open_all, prepare
from l1forge.studies.rates_inputs import Seen
from l1forge.studies.rates_numbers import Rate, combined

FORMAT, VERSION = "l1forge-prescales", 1
COLUMN = "proposed"


@dataclass(frozen=True)
class SeedPrescale:
    """A seed's prescale (0: off), its rates, and the part of its crossings that the menu accepts."""

    index: int
    name: str
    prescale: float
    before: Rate
    after: Rate
    accepted: float


@dataclass(frozen=True)
class GroupPrescale:
    """A group: rate without prescales, of its accepted crossings, and the part that is accepted."""

    name: str
    seeds: tuple[str, ...]
    weight: float
    minimum_khz: float | None
    before_khz: float
    after_khz: float
    accepted: float


@dataclass(frozen=True)
class ProposedPrescales:
    """A proposal for ``budget_khz``. ``cost``: part of the value (docs/rates.md) that is lost."""

    menu: str
    inputs: tuple[str, ...]
    budget_khz: float
    finor_before: Rate
    finor_after: Rate
    cost: float
    seeds: tuple[SeedPrescale, ...]
    groups: tuple[GroupPrescale, ...]
    excluded: tuple[Excluded, ...]
    indices: Mapping[str, int]

    @property
    def settings(self) -> PrescaleSettings:
        """For the path; seeds that could not be evaluated are off."""
        settings = PrescaleSettings.default(())
        for seed in self.seeds:
            settings.factors[seed.index] = factor(seed.prescale)
            settings.finor[seed.index] = True
        return settings

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of prescales.json (docs/rates.md)."""
        document = asdict(self)
        del document["indices"]
        return {"format": FORMAT, "version": VERSION} | document

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write prescales.json, our CSV and the experiment's, all or none; returns their names."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("algorithm", COLUMN))
        writer.writerows((seed.name, f"{seed.prescale:g}") for seed in self.seeds)
        writer.writerows((seed.name, 0) for seed in self.excluded)
        with atomic_files(folder) as work:
            write_text(work / "prescales.json", json.dumps(self.to_dict(), indent=1) + "\n")
            write_text(work / "prescales.csv", text.getvalue())
            write_experiment_csv(work / "prescales_experiment.csv", self.indices, {COLUMN: self.settings})
        return ("prescales.json", "prescales.csv", "prescales_experiment.csv")

    def _repr_html_(self) -> str:
        title = f"{self.menu}: {self.finor_after.khz:.4g} of {self.budget_khz:g} kHz"
        rows = [
            (
                s.name,
                f"{s.prescale:g}",
                f"{s.before.khz:.3f}",
                f"{s.after.khz:.3f}",
                f"{100 * s.accepted:.1f}",
            )
            for s in self.seeds
        ]
        return html_table(title, ("seed", "prescale", "before [kHz]", "after [kHz]", "accepted [%]"), rows)


def propose_prescales(
    menu: str | Path | CompiledMenu,
    inputs: Sequence[str | Path],
    budget_khz: float,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    weights: Mapping[str, float] | None = None,
    minimum_khz: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    may_be_off: bool = False,
    models: Sequence[str] = (),
    without_models: Sequence[str] = (),
    scheme: str | Path | None = None,
    trained_on: bool = False,
    threads: int = 1,
    seen: Seen = lambda rows: None,
) -> ProposedPrescales:
    """Propose prescales with which a menu keeps to a rate.

    Parameters
    ----------
    menu, inputs, models, without_models, scheme, trained_on, threads, seen
        As in ``menu_rates``; plain or weighted zero bias.
    budget_khz
        Highest FinOR rate.
    groups
        Name to patterns of seed names; what is kept counts by group. None: every seed is its own group.
    weights, minimum_khz
        Of groups: importance (default 1), and rate of accepted crossings that it must keep.
    fixed
        Pattern of seed names to the prescale that they must have.
    may_be_off
        Seeds may be turned off.

    Raises
    ------
    InputError
        If a file or name cannot be used, or the budget cannot be kept.
    """
    if not budget_khz > 0:
        raise InputError("is not a rate in kHz", field="--budget", value=budget_khz, remedy="such as 100kHz")
    complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
    sources = open_all(inputs, trained_on or not complete.scores)
    filling = load_scheme(scheme) if scheme else LHC
    prepared = prepare(complete, sources, filling, models, without_models)
    names = list(prepared.names)
    samples = prepared.sampler().count(sources, threads, seen)
    places = group_places(names, groups) if groups else {name: (i,) for i, name in enumerate(names)}
    for option, given in (("--weight", weights), ("--minimum", minimum_khz)):
        for name in given or {}:
            if name not in places:
                remedy = f"groups are {', '.join(list(places)[:8])}"
                raise InputError("there is no such group", field=option, value=name, remedy=remedy)
    pinned = {
        i: value
        for pattern, value in (fixed or {}).items()
        for i in group_places(names, {"--keep": [pattern]})["--keep"]
    }
    wanted = Wanted(
        budget_khz,
        places,
        {name: (weights or {}).get(name, 1.0) for name in places},
        dict(minimum_khz or {}),
        pinned,
        may_be_off,
    )
    crossings = _crossings(prepared.menu, samples)
    proposal = propose(crossings, wanted)
    fires = np.array([1 / p if p else 0.0 for p in proposal.prescales])
    accepted = crossings.accepted(fires)
    own = crossings.flags @ crossings.khz
    kept = crossings.flags @ (crossings.khz * accepted)
    yes, no = np.ones(len(names), bool), np.zeros(len(names), bool)
    indices = np.array([algorithm.index for algorithm in prepared.menu.algorithms], np.int64)
    before, after = (
        [shares(sample.patterns, indices, of, yes, no, {}) for sample in samples]
        for of in (np.ones(len(names)), fires)
    )
    seeds = tuple(
        SeedPrescale(
            int(indices[i]),
            name,
            round(proposal.prescales[i], 9),
            combined([part.total[i] for part in before], samples),
            combined([part.total[i] for part in after], samples),
            float(kept[i] / own[i]) if own[i] else 0.0,
        )
        for i, name in enumerate(names)
    )
    found = []
    for name, members in places.items():
        flags = crossings.flags[list(members)].any(axis=0)
        rate = float(flags @ crossings.khz)
        limit = wanted.minimum_khz.get(name)
        of = tuple(names[i] for i in members)
        part = proposal.groups[name]
        found.append(GroupPrescale(name, of, wanted.weights[name], limit, rate, part * rate, part))
    return ProposedPrescales(
        complete.name,
        tuple(str(source.path) for source in sources),
        budget_khz,
        combined([part.finor for part in before], samples),
        combined([part.finor for part in after], samples),
        1 - proposal.kept,
        seeds,
        tuple(found),
        prepared.excluded,
        {algorithm.name: algorithm.index for algorithm in complete.algorithms},
    )


def _crossings(menu: CompiledMenu, samples: Sequence[Sample]) -> Crossings:
    """All kinds of crossings with a bit, each once, and their rates."""
    indices = np.array([algorithm.index for algorithm in menu.algorithms], np.int64)
    flags, khz = [], []
    for sample in samples:
        flags.append(sample.patterns.flags(indices))
        scale = sample.rate / 1e3 / max(sample.patterns.exposure, 1e-300)
        khz.append(sample.patterns.moments[0] * scale)
    every, rates = np.concatenate(flags, axis=1), np.concatenate(khz)
    kinds, place = np.unique(np.packbits(every, axis=0), axis=1, return_inverse=True)
    whole = np.bincount(place.ravel(), rates, kinds.shape[1]).astype(np.float64)
    unpacked = np.unpackbits(kinds, axis=0, count=len(indices)).astype(bool)
    fired = unpacked.any(axis=0)
    return Crossings(unpacked[:, fired], whole[fired])
