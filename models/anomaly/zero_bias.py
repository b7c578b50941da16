"""Zero bias for the trainings: read once, with the integers that pairs need and the cut menu's decisions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models.anomaly import quantities
from l1forge.models.anomaly.crossings import Crossings, CutMenu, read
from l1forge.models.anomaly.pairs import PAIR_LISTS, PairTables, count, quantities_of
from l1forge.models.anomaly.samples import ZERO_BIAS, training_crossings

FEWEST = 3_000
"""Rejected crossings below which a tail table would be little but extrapolation: two decades of counts."""


def sample(zero_bias: Path, menu: Path, pairs: str) -> tuple[Crossings, CutMenu]:
    """The crossings of a zero-bias file with the integers that the pairs read, and the menu's cut-based part.

    Raises
    ------
    InputError
        If file or menu cannot be used, or the file lacks a column.
    """
    source = open_events(zero_bias)
    compute = reader(pairs, zero_bias)
    cuts = CutMenu.of(menu, source.columns)
    with Progress(transient=True) as progress:
        task = progress.add_task("reading zero bias", total=source.n)

        def seen(rows: int) -> None:
            progress.update(task, advance=rows)

        return read(zero_bias, cuts, compute, seen), cuts


def reader(pairs: str, path: Path) -> Callable[[Events], dict[str, NDArray[np.int16]]]:
    """What takes from blocks of ``path`` the integers that the pairs read, and those of their columns.

    Raises
    ------
    InputError
        If the file lacks a column.
    """
    used = quantities_of(PAIR_LISTS[pairs])
    source = open_events(path)
    absent = [name for name in quantities.columns(used) if name not in source.columns]
    if absent:
        usable = [
            name for name, list_ in PAIR_LISTS.items()
            if set(quantities.columns(quantities_of(list_))) <= set(source.columns)
        ]  # fmt: skip
        raise InputError(
            f"has no column {absent[0]}, which the pairs {pairs} read",
            file=path,
            field="--pairs",
            value=pairs,
            remedy=f"use --pairs {usable[0]}" if usable else "give a file with muons, e/gamma and ETM",
        )
    names = quantities.sources(used)
    return lambda events: quantities.values(events, used) | quantities.inputs(events, names)


def record(model: str, found: Crossings, pairs: str) -> TrainedInputs:
    """The record of the integers that the graph reads; ``found`` has only training crossings."""
    names = quantities.sources(quantities_of(PAIR_LISTS[pairs]))
    values = np.stack([found.values[name] for name in names], axis=1)
    return TrainedInputs.of(model, "zero bias", names, values)


def committed_record(model: str, pairs: str) -> TrainedInputs:
    """The record of the committed sample's training part."""
    names = quantities.sources(quantities_of(PAIR_LISTS[pairs]))
    found = read(ZERO_BIAS, None, lambda events: quantities.inputs(events, names))
    return record(model, found.select(slice(training_crossings(ZERO_BIAS, found.n))), pairs)


def counted(found: Crossings, pairs: str) -> PairTables:
    """The tables of the crossings that the menu rejects.

    Raises
    ------
    InputError
        If these are too few.
    """
    rejected = found.select(~found.accepted)
    if rejected.n < FEWEST:
        raise InputError(
            "too few crossings that the menu rejects, from which tails are counted",
            file=found.path,
            value=f"{rejected.n:,} of {found.n:,}",
            remedy=f"at least {FEWEST:,}; give more zero bias, or another --menu",
        )
    return count(rejected.values, PAIR_LISTS[pairs])
