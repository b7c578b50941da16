"""Count the tables on zero bias that the cut menu rejects, and write graph, report and record of inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models import GRAPH
from l1forge.models.anomaly import quantities
from l1forge.models.anomaly.crossings import Crossings, CutMenu, read
from l1forge.models.anomaly.pairs import PAIR_LISTS, PairTables, count, quantities_of
from l1forge.models.anomaly.samples import ZERO_BIAS, training_crossings
from l1forge.models.registry import Report
from l1forge.models.tail_pairs.graph import NAME, build, contents

FEWEST = 3_000
"""Rejected crossings below which a tail table would be little but extrapolation: two decades of counts."""


def sample(zero_bias: Path, menu: Path, pairs: str) -> tuple[Crossings, CutMenu]:
    """The crossings of a zero-bias file with the integers that the pairs read, and the menu's cut-based part.

    Raises
    ------
    InputError
        If file or menu cannot be used, or the file lacks a column.
    """
    used = quantities_of(PAIR_LISTS[pairs])
    source = open_events(zero_bias)
    absent = [name for name in quantities.columns(used) if name not in source.columns]
    if absent:
        usable = [
            name for name, list_ in PAIR_LISTS.items()
            if set(quantities.columns(quantities_of(list_))) <= set(source.columns)
        ]  # fmt: skip
        raise InputError(
            f"has no column {absent[0]}, which the pairs {pairs} read",
            file=zero_bias,
            field="--pairs",
            value=pairs,
            remedy=f"use --pairs {usable[0]}" if usable else "give a file with muons, e/gamma and ETM",
        )
    cuts = CutMenu.of(menu, source.columns)
    names = quantities.sources(used)
    with Progress(transient=True) as progress:
        task = progress.add_task("reading zero bias", total=source.n)

        def seen(rows: int) -> None:
            progress.update(task, advance=rows)

        found = read(
            zero_bias,
            cuts,
            lambda events: quantities.values(events, used) | quantities.inputs(events, names),
            seen,
        )
    return found, cuts


def trained_inputs(found: Crossings, pairs: str) -> TrainedInputs:
    """The record of the integers that the graph reads; ``found`` has only training crossings."""
    names = quantities.sources(quantities_of(PAIR_LISTS[pairs]))
    values = np.stack([found.values[name] for name in names], axis=1)
    return TrainedInputs.of(NAME, "zero bias", names, values)


def committed_inputs(pairs: str) -> TrainedInputs:
    """The record of the committed sample's training part."""
    names = quantities.sources(quantities_of(PAIR_LISTS[pairs]))
    found = read(ZERO_BIAS, None, lambda events: quantities.inputs(events, names))
    return trained_inputs(found.select(slice(training_crossings(ZERO_BIAS, found.n))), pairs)


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


def main(
    output: Path, zero_bias: Path, menu: Path, pairs: str, crossings: int | None, report: Report
) -> tuple[Graph, dict[str, Any]]:
    """Count, and write ``graph.json``, ``training.json`` and ``inputs.json`` into ``output``.

    Returns the graph and what is in training.json. Raises InputError as ``sample`` and ``counted``.
    """
    found, cuts = sample(zero_bias, menu, pairs)
    part = found.select(slice(training_crossings(zero_bias, found.n, crossings)))
    tables = counted(part, pairs)
    settings = {"menu": cuts.menu.name, "pairs": pairs, "crossings": part.n, "counted": tables.crossings}
    graph = build(tables, settings)
    result = settings | {
        "left_out": [seed.name for seed in cuts.excluded],
        "tails": {
            name: {"counted_up_to": tail.counted, "codes": tail.code.tolist()}
            for name, tail in tables.tails.items()
        },
        "tables": {
            f"{a} {b}": {"counted_cells": tables.counted[a, b], "largest": int(table.max())}
            for (a, b), table in contents(tables).items()
        },
    }
    output.mkdir(parents=True, exist_ok=True)
    graph.save(output / GRAPH)
    write_text(output / "training.json", json.dumps(result) + "\n")
    trained_inputs(part, pairs).save(output / "inputs.json")
    report(_table(tables))
    for seed in cuts.excluded:
        report(f"not in the cut menu: {seed.name} ({seed.reason})")
    report(
        f"{part.n:,} of {found.n:,} crossings used; {tables.crossings:,} rejected by {cuts.menu.name} counted"
    )
    return graph, result


def _table(tables: PairTables) -> Table:
    table = Table(title="pair tables: 16 × 16 cells each")
    for heading in ("pair", "cells counted in %", "largest entry", "entries above 0"):
        table.add_column(heading, justify="left" if heading == "pair" else "right")
    for (a, b), content in contents(tables).items():
        cells = f"{100 * tables.counted[a, b]:.0f}"
        table.add_row(f"{a} × {b}", cells, str(content.max()), str(int((content > 0).sum())))
    return table
