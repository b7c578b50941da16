"""`make synth-routing`: small designs placed and routed for ECP5, from which the routed period is estimated.

The designs are those of the fast estimate (``firmware/synth/small_designs.json``), whose paths without
routing are known. Writes ``firmware/synth/routed_designs.json``, the figure and the table of
docs/synthesis.md. What was routed before is found again in the cache: an interrupted run goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.benchmarks.small_designs import COLOURS, draw
from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.synth import estimate, routing
from l1forge.firmware.synth.routing import Routing
from l1forge.firmware.synth.table import refresh
from l1forge.studies.figures import Picture

PART = "LFE5U-25F-8"
SEEDS = (1, 2, 3)
MARKERS = ("<!-- made by make synth-routing: begin -->", "<!-- made by make synth-routing: end -->")
PAGE, FIGURE = Path("docs/synthesis.md"), Path("docs/figures/routed_period.png")


def routed(row: dict[str, Any], seed: int, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """The row of one design: its routed periods, one for each seed of the placement.

    Raises
    ------
    InputError
        If the design is not that of the row any more.
    """
    from l1forge.firmware.rtl import generate
    from l1forge.firmware.synth import nextpnr

    _, graph = draw(seed, row["number"])
    project = generate(graph, folder / "rtl" / graph.name)
    if project.circuit != row["circuit"]:
        raise InputError(
            "has another circuit than its row",
            field=f"design {row['number']}",
            value=project.circuit[:12],
            remedy="make synth-calibration",
        )
    found = [
        nextpnr.synthesise(project, folder / f"synth{number}" / graph.name, part=PART, seed=number)
        for number in seeds
    ]
    return {
        "number": row["number"],
        "kind": row["kind"],
        "circuit": row["circuit"],
        "cells_only_ns": row["delay_ns"],
        "lut": row["lut"],
        "ecp5_lut": found[0].lut,
        "ecp5_ff": found[0].ff,
        "depth": [one.depth for one in found],
        "ecp5_cells_ns": [one.cells_ns for one in found],
        "routed_ns": [one.delay_ns for one in found],
    }


def page(known: Routing) -> str:
    """Factor and errors, as the page shows them."""
    errors = known.errors()
    kinds = sorted(set(known.kinds))
    counts = ", ".join(f"{known.kinds.count(kind)} {kind}" for kind in kinds)
    several = max(map(len, known.placements)) > 1
    spread = f"{100 * known.placement_spread:.1f} % (median)" if several else "not measured"
    rows = [
        ("designs", f"{len(known.kinds)} ({counts}), {known.part}"),
        ("placements of each; slowest over fastest", f"{max(map(len, known.placements))}; {spread}"),
        ("factor: routed period / path without routing", f"{known.factor:.2f}"),
        ("share of the routed path between cells", f"{100 * known.share:.0f} %"),
        ("error, learnt from the other kinds of designs: median", f"{100 * known.median_error:.1f} %"),
        ("the same, 95 % of designs below", f"{100 * known.largest_error:.1f} %"),
        *(
            (
                f"{kind}: estimate too short or long (median, all within)",
                f"{100 * np.median(own):+.1f} %, {100 * own.min():+.1f} to {100 * own.max():+.1f} %",
            )
            for kind in kinds
            for own in [errors[np.array(known.kinds) == kind]]
        ),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])


def figure(known: Routing) -> Picture:
    """Routed period against the path without routing, with the factor and its error."""
    picture = Picture(figsize=(6.5, 5.0))
    axes = picture.add_subplot()
    for kind in sorted(set(known.kinds)):
        rows = np.array(known.kinds) == kind
        axes.plot(known.cells_only[rows], known.routed[rows], "o", color=COLOURS.get(kind), label=kind)
    ends = np.array([0.0, 1.08 * known.cells_only.max()])
    band = known.largest_error
    axes.plot(ends, known.factor * ends, "k-", label=f"factor {known.factor:.2f}")
    axes.fill_between(
        ends,
        known.factor * ends / (1 + band),
        known.factor * ends / max(1 - band, 0.1),
        color="0.85",
        label=f"error of 95 %: {100 * band:.0f} %",
        zorder=0,
    )
    axes.set_xlim(0, ends[1])
    axes.set_ylim(0, 1.15 * known.routed.max())
    axes.set_xlabel("longest path without routing (Yosys, Xilinx cells) [ns]")
    axes.set_ylabel(f"period after place and route ({known.part}) [ns]")
    axes.legend(frameon=False, loc="upper left")
    return picture


def main() -> None:
    """Route the designs, the smallest first, then write table, page and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=None, help="designs (default: all of the table)")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="placements of each design")
    arguments = parser.parse_args()
    document = parse_json(estimate.TABLE.read_text(encoding="utf-8"))
    designs = sorted(document["designs"], key=lambda row: row["lut"])[: arguments.n]
    seeds = SEEDS[: arguments.seeds]
    rows, start = [], time.perf_counter()
    folder = build_folder() / "calibration"
    folder.mkdir(parents=True, exist_ok=True)
    for row in designs:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            rows.append(routed(row, document["seed"], seeds, Path(place)))
        found = rows[-1]
        print(
            f"{found['number']} {found['kind']}: {found['cells_only_ns']} ns cells only, routed"
            f" {found['routed_ns']} ns; {time.perf_counter() - start:.0f} s",
            flush=True,
        )
    text = ",\n".join(f"  {json.dumps(row)}" for row in sorted(rows, key=lambda row: row["number"]))
    head = f'{{\n "part": "{PART}",\n "note": "written by make synth-routing",\n "designs": [\n'
    write_text(routing.TABLE.resolve(), f"{head}{text}\n ]\n}}\n")
    known = routing.routing_of(PART, rows)
    refresh(PAGE, MARKERS, page(known))
    figure(known).savefig(FIGURE, dpi=110, bbox_inches="tight")
    print(page(known))


if __name__ == "__main__":
    main()
