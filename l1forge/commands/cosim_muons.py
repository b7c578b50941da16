"""`l1forge cosim-muons`: muon firmware against its emulators, on simulated muons."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

BLOCK = 20_000
NETWORKS = ("muon_pt_small", "muon_pt")


@app.command()
def cosim_muons(
    n: Annotated[int, typer.Option("-n", help="Muons.", min=100)] = 100_000,
    small: Annotated[bool, typer.Option("--small", help="Without the ten-layer network.")] = False,
    inputs_per_clock: Annotated[int, typer.Option(help="Inputs of each neuron per clock.", min=1)] = 8,
    csim: Annotated[
        int,
        typer.Option(help="Events through the HLS C++ at most: it runs 400/s for the large network.", min=1),
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Of muons, corners and random codes.", min=0)] = 1,
    json_output: Annotated[Path | None, typer.Option("--json", help="Outcome as JSON.")] = None,
) -> None:
    """Prove the muon RTL (patterns; networks folded in time) and the hls4ml C++ equal to the emulators.

    Examples:

    `l1forge cosim-muons -n 100000`

    `l1forge cosim-muons -n 5000 --small`
    """
    import json

    import numpy as np

    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.models.muon_patterns import find_patterns, load_patterns
    from l1forge.models.muon_pt.features import muon_features
    from l1forge.screen.outputs import check_outputs
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.simulation.muons import REFERENCE_LAYERS, MuonSettings, generate
    from l1forge.simulation.muons.layers import BENDING, N_LAYERS, SLOTS
    from l1forge.testbench.flow import hls_implementation, hls_project
    from l1forge.testbench.muon import PatternTables, verify_folded, verify_patterns

    console = Console()
    check_outputs(json_output)
    outcome: list[dict[str, Any]] = []
    sample = generate(n, seed, MuonSettings(noise=0.05))
    shape = (-1, N_LAYERS, SLOTS)
    tables = load_patterns()

    def emulate(rows: np.ndarray) -> np.ndarray:
        value, quality = np.split(rows.astype(np.int16), 2, axis=1)
        result = find_patterns(value.reshape(shape), quality.reshape(shape), tables)
        return np.stack(result, axis=1).astype(np.int64)

    def blocks() -> Iterator[np.ndarray]:
        rows = np.concatenate([sample.value.reshape(n, -1), sample.quality.reshape(n, -1)], axis=1)
        for start in range(0, n, BLOCK):
            yield rows[start : start + BLOCK].astype(np.int64)

    started = time.perf_counter()
    with console.status("golden patterns: building, then simulating"):
        circuit = PatternTables(
            tables.offset, tables.slope, tables.shift, tables.value, REFERENCE_LAYERS, BENDING.tolist()
        )
        project, events, wrong, first = verify_patterns(
            circuit, emulate, blocks(), build_folder() / "rtl" / "muon_patterns"
        )
    outcome.append(
        {
            "design": project.name, "implementations": "emulator, RTL", "events": events, "mismatches": wrong,
            "interval": 1, "latency": project.latency, "first": first, "multipliers": 0,
            "memory_bits": int(tables.value.size * 6), "seconds": time.perf_counter() - started,
        }
    )  # fmt: skip
    features, _ = muon_features(sample.value, sample.eta, sample.quality)
    for name in NETWORKS[: 1 if small else 2]:
        started = time.perf_counter()
        graph = Graph.load(graph_path(name))
        with console.status(f"{name}: building, then simulating"):
            with quiet_stderr():  # torch talks while it is imported
                hls = hls_project(name, graph, build_folder() / "hls")
            extra = {"hls": hls_implementation(hls, graph)} if hls is not None else {}
            folded, report = verify_folded(
                graph, features.astype(np.int64), build_folder() / "rtl" / f"{name}_folded",
                inputs_per_clock=inputs_per_clock, extra=extra, extra_limit=csim, seed=seed,
            )  # fmt: skip
        outcome.append(
            {
                "design": folded.project.name,
                "implementations": ", ".join(["emulator", *(f"{k} {m}" for k, m in report.checked.items())]),
                "events": report.crossings,
                "mismatches": report.mismatches + report.misplaced + report.missing,
                "interval": folded.interval, "latency": folded.project.latency,
                "first": str(report.examples[0]) if report.examples else None,
                "multipliers": folded.multipliers, "memory_bits": folded.memory_bits,
                "seconds": time.perf_counter() - started,
            }
        )  # fmt: skip
    table = Table(title=f"muon firmware, seed {seed}")
    for heading in ("design", "implementations", "events", "interval", "latency", "mismatches"):
        table.add_column(heading)
    for line in outcome:
        cells = [f"{line[key]}" for key in ("design", "implementations", "events", "interval", "latency")]
        table.add_row(*cells, f"[{'red' if line['mismatches'] else 'green'}]{line['mismatches']}[/]")
        if line["first"]:
            console.print(f"[red]{line['design']}: {line['first']}[/red]")
    console.print(table)
    if json_output is not None:
        write_text(json_output, json.dumps(outcome, indent=1) + "\n")
    if any(line["mismatches"] for line in outcome):
        raise typer.Exit(1)
