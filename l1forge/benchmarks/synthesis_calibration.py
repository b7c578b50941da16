"""`make synth-calibration`: small designs through Yosys, from which the fast estimate learns.

Writes ``firmware/synth/small_designs.json`` and the table of errors in docs/synthesis.md. Designs whose
circuit is that of the table are not run again, others are found again in the cache: an interrupted run goes
on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.benchmarks.small_designs import draw
from l1forge.emulator.atomic import write_text
from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.synth.estimate import TABLE, TERMS, Calibration, calibrated
from l1forge.firmware.synth.features import NAMES, features
from l1forge.firmware.synth.table import Table, refresh
from l1forge.models import available, graph_path

MARKERS = (
    "<!-- made by make synth-calibration: begin -->",
    "<!-- made by make synth-calibration: end -->",
)
PAGE, COMMITTED = Path("docs/synthesis.md"), Path("docs/synthesis.json")
LABELS = {"lut": "LUT", "ff": "FF", "latency_clocks": "latency", "delay_ns": "longest path, cells only"}


def counted(graph: Graph) -> dict[str, float]:
    """The features of a graph, rounded as the table has them."""
    return {name: round(value, 3) for name, value in zip(NAMES, features(graph).values(), strict=True)}


def design(seed: int, number: int, folder: Path, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """The row of one design; ``known`` is its row in the table, which stays if the circuit is still that."""
    from l1forge.firmware.rtl import generate
    from l1forge.firmware.synth import yosys

    kind, graph = draw(seed, number)
    project = generate(graph, folder / "rtl" / graph.name)
    if known is not None and known["circuit"] == project.circuit:
        return {**known, "features": counted(graph)}
    found = yosys.synthesise(project, folder / "synth" / graph.name)
    return {
        "number": number,
        "kind": kind,
        "circuit": found.design,
        **{what: getattr(found, what) for what in TERMS},
        "features": counted(graph),
    }


def known_rows(seed: int) -> dict[int, dict[str, Any]]:
    """The rows of the committed table by number, if it is of this seed."""
    document = parse_json(TABLE.read_text(encoding="utf-8"))
    return {row["number"]: row for row in document["designs"]} if document["seed"] == seed else {}


def page(known: Calibration, seed: int, committed: Table, constant: list[int]) -> str:
    """Errors on held-back designs, and beside committed designs, as the page shows them."""
    lines = [
        f"{len(known.counts)} designs of seed {seed}; each fourth of them is estimated with costs that are"
        f" fitted to the others. Left out, as they have no logic: {', '.join(map(str, constant)) or 'none'}.",
        "",
        "| quantity | median error, not fitted | 95 % of designs below | smallest to largest of all |",
        "|---|---|---|---|",
    ]
    for what, label in LABELS.items():
        error, values = known.errors[what], known.found[what]
        lines.append(
            f"| {label} | {100 * error.median:.1f} % | {100 * error.most:.1f} %"
            f" | {values.min():g} to {values.max():g} |"
        )
    lines += ["", "Committed designs, none of which was fitted (estimate / Yosys):", ""]
    lines += ["| design | " + " | ".join(LABELS.values()) + " |", "|---|" + "---|" * len(LABELS)]
    for name, row in sorted(committed.rows.items()):
        if name not in available():  # another part, or a design without a graph
            continue
        counts = np.array([features(Graph.load(graph_path(name))).values()])
        digits = {what: 2 if what == "delay_ns" else 0 for what in LABELS}
        pairs = [
            f"{known.predict(what, counts)[0]:.{digits[what]}f} / {getattr(row, what):.{digits[what]}f}"
            for what in LABELS
        ]
        lines.append(f"| `{name}` | " + " | ".join(pairs) + " |")
    return "\n".join(lines)


def main() -> None:
    """Make the designs, then write table and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=48, help="designs (default 48)")
    parser.add_argument("--seed", type=int, default=7, help="design k is drawn from (seed, k)")
    parser.add_argument("--fresh", action="store_true", help="run every design again")
    arguments = parser.parse_args()
    rows, start = [], time.perf_counter()
    folder = build_folder() / "calibration"
    folder.mkdir(parents=True, exist_ok=True)
    before = {} if arguments.fresh else known_rows(arguments.seed)
    for number in range(arguments.n):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            rows.append(design(arguments.seed, number, Path(place), before.get(number)))
        row = rows[-1]
        numbers = ", ".join(f"{row[what]:g} {label}" for what, label in LABELS.items())
        print(f"{number} {row['kind']}: {numbers}; {time.perf_counter() - start:.0f} s", flush=True)
    constant = [
        row["number"] for row in rows if not row["lut"]
    ]  # a design without logic has no relative error
    rows = [row for row in rows if row["lut"]]
    known = calibrated(rows)
    text = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    head = f'{{\n "seed": {arguments.seed},\n "note": "written by make synth-calibration",\n "designs": [\n'
    costs = {what: [round(float(cost), 6) for cost in known.costs[what]] for what in TERMS}
    errors = {
        what: [error.designs, round(error.median, 4), round(error.most, 4)]
        for what, error in known.errors.items()
    }
    tail = f'"costs": {json.dumps(costs)},\n "errors": {json.dumps(errors)}'
    write_text(TABLE.resolve(), f"{head}{text}\n ],\n {tail}\n}}\n")
    refresh(PAGE, MARKERS, page(known, arguments.seed, Table.load(COMMITTED), constant))
    for what, label in LABELS.items():
        print(f"{label}: {known.errors[what]}")


if __name__ == "__main__":
    main()
