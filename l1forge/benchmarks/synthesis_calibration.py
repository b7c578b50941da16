"""`make synth-calibration`: random designs through Yosys, from which the fast estimate learns.

Writes ``firmware/synth/small_designs.json``, the figure and the table of errors in docs/synthesis.md. Designs
whose run (Verilog, options, tool) is that of the table are not run again, others are found again in the
cache: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.benchmarks.small_designs import COLOURS, draw
from l1forge.emulator.atomic import write_text
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.synth import routing
from l1forge.firmware.synth.estimate import (
    TABLE,
    TERMS,
    Calibration,
    Error,
    calibrated,
    error_of,
    routed_difference,
)
from l1forge.firmware.synth.features import NAMES, features
from l1forge.firmware.synth.table import Row, Table, refresh
from l1forge.models import available, graph_path
from l1forge.studies.figures import Picture

MARKERS = (
    "<!-- made by make synth-calibration: begin -->",
    "<!-- made by make synth-calibration: end -->",
)
PAGE, COMMITTED = Path("docs/synthesis.md"), Path("docs/synthesis.json")
FIGURE = Path("docs/figures/fast_estimate.png")
DESIGNS = 61
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
    if known is not None and known["run"] == yosys.run_digest(project):
        return {**known, "features": counted(graph)}
    found = yosys.synthesise(project, folder / "synth" / graph.name)
    return {
        "number": number,
        "kind": kind,
        "circuit": found.design,
        "run": found.digest,
        **{what: getattr(found, what) for what in TERMS},
        "features": counted(graph),
    }


def known_rows(seed: int) -> dict[int, dict[str, Any]]:
    """The rows of the committed table by number, if it is of this seed."""
    document = parse_json(TABLE.read_text(encoding="utf-8"))
    return {row["number"]: row for row in document["designs"]} if document["seed"] == seed else {}


def page(
    known: Calibration, seed: int, committed: dict[str, Row], constant: list[int], waiting: list[int]
) -> str:
    """Errors on held-back designs, and beside committed designs, as the page shows them."""
    kinds = sorted(set(known.kinds))
    counts = ", ".join(f"{known.kinds.count(kind)} {kind}" for kind in kinds)
    lines = [
        f"{len(known.counts)} designs of seed {seed} ({counts}); each fourth of them is estimated with costs"
        " that are fitted to the others. Left out, as they have no logic:"
        f" {', '.join(map(str, constant)) or 'none'}. Not run yet: {', '.join(map(str, waiting)) or 'none'}.",
        "",
        "| quantity | median error, not fitted | 95 % of designs below | smallest to largest of all |",
        "|---|---|---|---|",
    ]
    for what, label in LABELS.items():
        error, values = known.errors[what], known.found[what]
        lines.append(_error_row(label, error) + f" {values.min():g} to {values.max():g} |")
    routed = routing.calibration()
    period = error_of(routed_difference(known, routed))
    lines.append(
        _error_row(f"routed period ({period.designs} designs, {routed.part})", period)
        + f" {routed.routed.min():g} to {routed.routed.max():g} |"
    )
    lines += ["", "LUT by kind of design (median error, not fitted, and 95 %):", ""]
    for kind in kinds:
        own = np.array(known.kinds) == kind
        error = error_of(known.held_out["lut"][own] / known.found["lut"][own] - 1)
        lines.append(f"* {kind}: {100 * error.median:.1f} %, {100 * error.most:.1f} %")
    lines += ["", "Committed designs, none of which was fitted (estimate / Yosys):", ""]
    lines += ["| design | " + " | ".join(LABELS.values()) + " |", "|---|" + "---|" * len(LABELS)]
    for name, row in committed.items():
        estimated = predicted(known, name)
        digits = {what: 2 if what == "delay_ns" else 0 for what in LABELS}
        pairs = [
            f"{estimated[what]:.{digits[what]}f} / {getattr(row, what):.{digits[what]}f}" for what in LABELS
        ]
        lines.append(f"| `{name}` | " + " | ".join(pairs) + " |")
    return "\n".join(lines)


def _error_row(label: str, error: Error) -> str:
    return f"| {label} | {100 * error.median:.1f} % | {100 * error.most:.1f} % |"


def predicted(known: Calibration, name: str) -> dict[str, float]:
    """Every quantity of a committed model."""
    counts = np.array([features(Graph.load(graph_path(name))).values()])
    return {what: float(known.predict(what, counts)[0]) for what in TERMS}


def figure(known: Calibration, committed: dict[str, Row]) -> Picture:
    """Estimate against Yosys, LUT and FF: designs that were not fitted, and committed ones."""
    picture = Picture(figsize=(9.5, 4.6), layout="constrained")
    for place, what in enumerate(("lut", "ff")):
        axes = picture.add_subplot(1, 2, place + 1)
        for kind in sorted(set(known.kinds)):
            own = np.array(known.kinds) == kind
            axes.loglog(
                known.found[what][own], known.held_out[what][own], "o", ms=4, color=COLOURS[kind], label=kind
            )
        for name, row in committed.items():
            value = getattr(row, what), predicted(known, name)[what]
            axes.loglog(
                *value, "*", ms=10, color="k", label="committed" if name == next(iter(committed)) else None
            )
            axes.annotate(name, value, xytext=(-4, 6), textcoords="offset points", fontsize=7, ha="right")
        most = known.errors[what].most
        ends = np.array(axes.get_xlim())
        axes.plot(ends, ends, "k-", lw=0.8)
        axes.fill_between(
            ends,
            ends * (1 - most),
            ends * (1 + most),
            color="0.88",
            zorder=0,
            label=f"95 %: ±{100 * most:.0f} %",
        )
        axes.set_xlim(*ends)
        axes.set_xlabel(f"{LABELS[what]}, Yosys")
        axes.set_ylabel(f"{LABELS[what]}, estimate from the graph alone")
        axes.legend(frameon=False, fontsize=8)
    return picture


def main() -> None:
    """Make the designs, then write table, figure and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=DESIGNS, help=f"designs (default {DESIGNS})")
    parser.add_argument("--seed", type=int, default=7, help="design k is drawn from (seed, k)")
    parser.add_argument("--fresh", action="store_true", help="run every design again")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="start no design after this time; go on another day"
    )
    arguments = parser.parse_args()
    start = time.perf_counter()
    before = {} if arguments.fresh else known_rows(arguments.seed)
    rows: list[dict[str, Any]] = []
    waiting: list[int] = []
    for number in in_order(arguments.seed, arguments.n, before):
        if time.perf_counter() - start > 60 * arguments.minutes:
            waiting.append(number)
            continue
        with tempfile.TemporaryDirectory() as place:
            rows.append(design(arguments.seed, number, Path(place), before.get(number)))
        row = rows[-1]
        numbers = ", ".join(f"{row[what]:g} {label}" for what, label in LABELS.items())
        print(f"{number} {row['kind']}: {numbers}; {time.perf_counter() - start:.0f} s", flush=True)
    rows.sort(key=lambda row: int(row["number"]))
    constant = [row["number"] for row in rows if not row["lut"]]  # no logic, no relative error
    write(arguments.seed, [row for row in rows if row["lut"]], constant, sorted(waiting))


def in_order(seed: int, count: int, known: Container[int]) -> list[int]:
    """The numbers of the designs: known ones first, then the kinds of which the fewest are known."""
    kinds = [draw(seed, number)[0] for number in range(count)]
    have = {kind: sum(k == kind and n in known for n, k in enumerate(kinds)) for kind in kinds}
    return sorted(range(count), key=lambda number: (number not in known, have[kinds[number]], number))


def write(seed: int, rows: list[dict[str, Any]], constant: list[int], waiting: list[int]) -> None:
    """Fit the costs; write table, figure and page. ``waiting``: numbers of designs that were not run yet."""
    known = calibrated(rows)
    for place, row in enumerate(rows):
        row["held_out"] = {what: round(float(known.held_out[what][place]), 3) for what in TERMS}
    text = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    costs = {what: [round(float(cost), 6) for cost in known.costs[what]] for what in TERMS}
    head = f'{{\n "seed": {seed},\n "note": "written by make synth-calibration",\n "designs": [\n'
    write_text(TABLE.resolve(), f'{head}{text}\n ],\n "costs": {json.dumps(costs)}\n}}\n')
    rows_of = Table.load(COMMITTED).rows
    committed = {name: rows_of[name] for name in sorted(rows_of) if name in available()}
    refresh(PAGE, MARKERS, page(known, seed, committed, constant, waiting))
    figure(known, committed).savefig(FIGURE, dpi=110)
    for what, label in LABELS.items():
        print(f"{label}: {known.errors[what]}")


if __name__ == "__main__":
    main()
