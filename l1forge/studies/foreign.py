"""Foreign RTL against a graph: co-verification of Verilog or VHDL that l1forge did not write."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.studies.cosim import DEFAULT, Verification

Say = Callable[[str], None]


def verify_foreign(
    model: str,
    rtl: str | Path,
    top: str,
    ports: str | Path,
    n: int | None = None,
    *,
    search_latency: bool = False,
    deep: bool = False,
    events: Sequence[Path] | None = None,
    period: float | None = None,
    seed: int = 1,
    threads: int = 1,
    output: str | Path | None = None,
    record: bool = True,
    progress: Say = lambda _: None,
    on_start: Callable[[int], None] = lambda _: None,
    on_crossings: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare foreign RTL with the emulator of a graph, crossing by crossing, latency included.

    Parameters
    ----------
    model
        Name of a model, or a graph file: what the RTL should compute.
    rtl, top
        Folder with Verilog or VHDL, or one file; the name of the top module or entity.
    ports
        YAML file with the ports (docs/cosim.md).
    search_latency
        Find the latency instead of taking that of ``ports``.
    n, deep, events, period, seed, threads, output, record, progress, on_start, on_crossings
        As in ``l1forge.verify``.

    Raises
    ------
    InputError
        If the sources cannot be read, a port does not fit, or the latency is neither given nor found.
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.foreign import read_ports, wrapped
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_folders
    from l1forge.studies.defaults import clock_period
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import verify as run
    from l1forge.testbench.latency import find_latency
    from l1forge.testbench.records import keep
    from l1forge.testbench.stimuli import Plan, sample_files

    graph = Graph.load(graph_path(model))
    table = read_ports(ports, graph)
    name = f"{graph.name}_{top}"
    folder = Path(output) if output is not None else build_folder() / "reports" / name
    check_folders(folder)
    files = list(events) if events else None
    place, period_ns = build_folder() / "rtl" / name, clock_period(period)
    progress("reading the RTL")
    latency = 0 if table.clock is None else table.latency
    if search_latency and table.clock is not None:
        progress("finding the latency")
        kinds = Plan(4096).stimuli(graph, files if files is not None else sample_files(), seed)
        rows = next(block for blocks in kinds.values() for block in blocks if len(block))
        told = () if table.valid_out is None else (table.valid_out,)
        plain = replace(table, valid_out=None, unused=(*table.unused, *told))
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{name}_latency.") as trial:
            latency = find_latency(
                graph,
                lambda clocks: wrapped(graph, rtl, top, plain, Path(trial) / name, period_ns, clocks),
                rows,
            )
    if latency is None:
        raise InputError(
            "the latency is not given",
            file=table.file,
            field="latency",
            remedy="write it into the file, or give --find-latency",
        )
    project = wrapped(graph, rtl, top, table, place, period_ns, latency)
    progress("directed stimuli")
    found = directed(graph, progress=progress)
    count = n if n is not None else DEFAULT
    on_start(count)
    started = time.perf_counter()
    _, report = run(
        graph,
        count,
        project=project,
        files=files,
        seed=seed,
        deep=deep,
        threads=threads,
        progress=on_crossings,
        found=found,
    )
    seconds = time.perf_counter() - started
    kept = keep(report, folder) if record else None
    return Verification(name, project, report, seed, seconds, kept, None)
