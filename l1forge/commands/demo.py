"""`l1forge demo`: the whole path in one go, from committed events to proven firmware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

MODEL, SCORE = "vae", "mu2_score"


@app.command()
def demo(
    n: Annotated[int, typer.Option("-n", help="Number of crossings to co-verify.", min=1000)] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed of corner and random stimuli.", min=0)] = 1,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for demo.json.")] = Path(
        "build/demo"
    ),
) -> None:
    """Run events through the trained anomaly trigger, write its firmware and compare all of it exactly.

    Example: `l1forge demo -n 20000`
    """
    from l1forge.commands.firmware import firmware
    from l1forge.commands.rates import rates_table
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_folders
    from l1forge.studies.demo import score_samples

    console = Console()
    check_folders(output)
    graph = Graph.load(graph_path(MODEL))
    console.rule("1  events through the emulator")
    speed, report = score_samples(graph, SCORE, console.print)
    console.rule("2  firmware: HLS project, compiled and compared")
    firmware(MODEL, n=5000, seed=seed)
    console.rule("3  firmware: Verilog, simulated clock by clock")
    project, cosim = _cosim(console, graph, n, seed)
    console.rule("result")
    console.print(rates_table({"model": MODEL, "score": SCORE, **report}))
    table = Table(show_header=False)
    table.add_row("emulator", f"{speed / 1e6:.1f} M events/s ({1e9 / speed:.0f} ns per event, all cores)")
    table.add_row(
        "latency",
        f"{project.latency} clocks at {1000 / project.clock_period_ns:.0f} MHz = {project.latency_ns:.1f} ns,"
        " one crossing per clock",
    )
    table.add_row("co-verification", cosim.verdict)
    console.print(table)
    summary = {"events_per_s": speed, "rates": report, "latency_clocks": project.latency}
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "demo.json", json.dumps(summary | {"verdict": cosim.verdict}, indent=1) + "\n")
    if not cosim.passed:
        raise typer.Exit(1)


def _cosim(console: Console, graph: Any, n: int, seed: int) -> tuple[Any, Any]:
    from l1forge.studies.demo import prove

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("building, then crossings", total=n)
        return prove(graph, Path("hls_projects") / MODEL, n, seed, lambda done: bar.advance(task, done))
