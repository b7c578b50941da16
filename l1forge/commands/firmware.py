"""`l1forge firmware MODEL`: write the HLS project of a trained model and prove it equal to the emulator."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

DEFAULT = 20_000
REFERENCE = 1_000


def _require_hls(model: str) -> None:
    """Raise InputError for a graph that no training code is known for, and for a model without hls4ml."""
    from l1forge.emulator.errors import InputError
    from l1forge.testbench.flow import has_hls

    if not has_hls(model):
        raise InputError(
            "an HLS project is written from a trained model of this repository, and this is none",
            field="MODEL",
            value=model,
            remedy=f"its Verilog: l1forge cosim {model} (--hls DIR compares with the project it came from)",
        )


def _hls_model(model: str, folder: Path) -> Any:
    """The model's ``ModelGraph``; hls4ml's chatter is dropped."""
    from l1forge.screen.quiet import quiet_stderr

    name = f"l1forge.models.{model}.hls"
    with quiet_stderr(), contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module(name).hls_model(folder)


@app.command()
def firmware(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...), or a graph file that ends in trees.")],
    n: Annotated[int, typer.Option("-n", help="Crossings to compare.", min=1)] = DEFAULT,
    events: Annotated[
        list[Path] | None, typer.Option("--events", help="Event files for the comparison.")
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile the C++ with g++ and compare.")
    ] = True,
    rtl: Annotated[
        bool, typer.Option("--rtl/--no-rtl", help="Write the Verilog of the same graph too.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the random crossings.", min=0)] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Project folder; default hls_projects/MODEL.")
    ] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="The result as JSON.")] = None,
) -> None:
    """Write the Vitis HLS project of MODEL, compile it with g++ and compare it with the emulator: exactly.

    The fixed-point graph is read back from the written C++ and must be the committed one. Crossings are
    real events, corner vectors and random bits; any difference ends with exit code 1.

    Examples:

    `l1forge firmware vae`

    `l1forge firmware vae -n 100000 --events simulation/sample/zerobias.parquet --json firmware.json`

    `l1forge firmware vae --no-compile -o /tmp/vae_project`
    """
    import numpy as np

    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.graph.graph import Graph
    from l1forge.emulator.kernel import compile_graph
    from l1forge.firmware.hls.project.compiled import CompiledProject
    from l1forge.firmware.hls.translate.graph import import_project, write_project
    from l1forge.firmware.verify import compare, compare_with_graph
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.testbench import stimuli
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import sample_files

    console = Console()
    graph = Graph.load(graph_path(model))
    folder = output or Path("hls_projects") / graph.name
    check_folders(folder)
    check_outputs(json_output)
    check_event_files(events)
    if [graph[name].op for name in graph.outputs] == ["tree_ensemble"]:
        _conifer(graph, folder, n if compile_ else 0, events, seed, json_output, console)
        return
    _require_hls(model)
    with console.status("converting with hls4ml"):
        hls_model = _hls_model(model, folder)
        with contextlib.redirect_stdout(io.StringIO()):
            write_project(hls_model)
    same = _same_circuit(graph, import_project(folder))
    console.print(
        f"HLS project in {folder}; its C++ {'is' if same else '[red]is not[/red]'} the committed graph"
    )
    summary: dict[str, Any] = {"model": model, "project": str(folder), "graph": same, "outputs": {}}
    if compile_:
        with console.status("compiling with g++"):
            project = CompiledProject(folder)
        rng = np.random.default_rng(seed)
        files = events or sample_files()
        bound = all("source" in node.attributes for node in graph.inputs)
        real = list(stimuli.real_events(graph, files, n - n // 5)) if files and bound else []
        blocks = {"real": np.concatenate(real)} if real else {}
        blocks["corner"] = stimuli.corners(graph, max(n // 10, 1), rng)
        with console.status("directed stimuli") as status:  # searched once, then from the cache
            search = directed(graph, proofs=False, progress=status.update)
        left = n - sum(len(block) for block in blocks.values())
        coverage = search.coverage()
        if len(rows := search.rows[: max(left // 2, 0)]):
            blocks[stimuli.DIRECTED] = rows
            coverage.rows_driven = len(rows)
        done = sum(len(block) for block in blocks.values())
        blocks["random"] = stimuli.random_bits(graph, max(n - done, 1), rng)
        kernel = compile_graph(graph)
        table = Table(title=f"{model}: HLS C++ against the emulator")
        for heading in ("output", *(f"{kind} crossings" for kind in blocks), "mismatches"):
            table.add_column(heading, justify="right")
        totals = dict.fromkeys(graph.outputs, 0)
        for block in blocks.values():
            inputs = stimuli.as_inputs(graph, block)
            found = project(list(inputs.values()))
            fast = kernel.run_array(
                {name: np.ascontiguousarray(x.reshape(len(x), -1).T) for name, x in inputs.items()}
            )
            head = [x[:REFERENCE] for x in inputs.values()]
            slow = compare_with_graph(graph, head, [f[:REFERENCE] for f in found])
            for name, values, reference in zip(graph.outputs, found, slow, strict=True):
                outcome = compare(name, np.moveaxis(fast[name], -1, 0), values)
                totals[name] += outcome.mismatches + reference.mismatches
                if outcome.first or reference.first:
                    console.print(f"[red]{name}: {outcome.first or reference.first}[/red]")
        for name, wrong in totals.items():
            counts = (f"{len(block):,}" for block in blocks.values())
            table.add_row(name, *counts, f"[{'red' if wrong else 'green'}]{wrong}[/]")
            summary["outputs"][name] = wrong
        console.print(table)
        summary["crossings"] = {kind: len(block) for kind, block in blocks.items()}
        for block in blocks.values():
            search.watch(coverage, block)
        summary["directed"] = coverage.to_dict()
        console.print("\n".join(coverage.report()))
    if rtl:
        summary["rtl"] = _verilog(graph, console)
    if json_output is not None:
        write_text(json_output, json.dumps(summary, indent=1) + "\n")
    if not same or any(summary["outputs"].values()):
        raise typer.Exit(1)


def _verilog(graph: Any, console: Console) -> dict[str, Any] | None:
    """Write fully pipelined Verilog where the network is small enough; what `l1forge cosim` simulates."""
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.rtl import generate
    from l1forge.studies.limits import PIPELINED_WEIGHTS, nonzero_weights

    weights = nonzero_weights(graph)
    if weights > PIPELINED_WEIGHTS:
        console.print(f"no Verilog: {weights:,} weights are too many for a design of initiation interval 1")
        return None
    with console.status("writing Verilog"):
        project = generate(graph, build_folder() / "rtl" / graph.name)
    console.print(
        f"Verilog in {project.folder}: latency {project.latency} clocks at "
        f"{1000 / project.clock_period_ns:.0f} MHz"
    )
    if project.slow:
        console.print(f"[yellow]{project.slow}[/yellow]")
    return {"folder": str(project.folder), "latency": project.latency, "operations": project.operations}


def _conifer(
    graph: Any,
    folder: Path,
    n: int,
    events: list[Path] | None,
    seed: int,
    json_output: Path | None,
    console: Console,
) -> None:
    """Trees: conifer's HLS, VHDL and C++ projects; the C++ compiled and compared."""
    from l1forge.emulator.atomic import write_text
    from l1forge.firmware.bdt.conifer.flow import compare, write_projects
    from l1forge.testbench.conifer import tree_inputs
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import Plan, sample_files

    with console.status("writing conifer projects"):
        written = write_projects(graph, folder)
    for backend, place in written.items():
        console.print(f"conifer {backend} project in {place}")
    summary: dict[str, Any] = {"model": graph.name, "projects": {k: str(v) for k, v in written.items()}}
    if n:
        prepare = tree_inputs(graph)
        with console.status("directed stimuli") as status:  # searched once, then from the cache
            found = directed(graph, proofs=False, progress=status.update)
        kinds = Plan(n).stimuli(graph, events or sample_files(), seed, found)
        with console.status("compiling conifer's C++ with g++ and comparing"):
            result = compare(graph, (prepare(block) for blocks in kinds.values() for block in blocks))
        summary["compared"] = result.to_dict()
        colour = "red" if result.mismatches else "green"
        console.print(f"conifer C++: [{colour}]{result.mismatches} mismatches in {result.events:,} events[/]")
        if result.first:
            console.print(f"[red]{result.first}[/red]")
    if json_output is not None:
        write_text(json_output, json.dumps(summary, indent=1) + "\n")
    if summary.get("compared", {}).get("mismatches"):
        raise typer.Exit(1)


def _same_circuit(first: Any, second: Any) -> bool:
    """Whether two graphs agree in everything but notes and event columns."""
    from l1forge.emulator.graph.fixed import FixedType

    def bare(graph: Any) -> Any:
        text = json.loads(graph.to_json())
        for node in text["nodes"]:
            node.pop("source", None)
            for value in node.values():
                if isinstance(value, dict) and "data" in value:  # the modes of a constant's type do nothing
                    kind = FixedType.parse(value["type"])
                    value["type"] = (kind.width, kind.integer, kind.signed)
        return text["nodes"], text["outputs"]

    return bool(bare(first) == bare(second))
