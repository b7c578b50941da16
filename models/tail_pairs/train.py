"""Count the tables on zero bias that the cut menu rejects, and write graph, report and record of inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.graph.graph import Graph
from l1forge.models import GRAPH
from l1forge.models.anomaly.pairs import PairTables
from l1forge.models.anomaly.samples import training_crossings
from l1forge.models.anomaly.zero_bias import counted, record, sample
from l1forge.models.registry import Report
from l1forge.models.tail_pairs.graph import NAME, build, contents


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
    record(NAME, part, pairs).save(output / "inputs.json")
    report(_table(tables))
    for line in cuts.notes():
        report(line)
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
