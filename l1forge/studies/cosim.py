"""Co-verification as a study: a model's Verilog against emulator, HLS C++ and conifer's circuits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table
from l1forge.studies.limits import check_pipelined

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import RtlProject
    from l1forge.testbench.cosim import Implementation
    from l1forge.testbench.directed import Directed
    from l1forge.testbench.outcome import Report
    from l1forge.testbench.stimuli import Block

DEFAULT, DEEP, FEW = 1_000_000, 50_000_000, 5_000
"""Crossings of a usual run, of a deep one, and of one with an interpreted simulator or testbench."""
Say = Callable[[str], None]
HEADINGS = ("implementation", "crossings compared", "crossings/s")


def _silent(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Verification:
    """A co-verification: the design, what was compared, and where its records are.

    ``kept``: why an older, stronger record stays, if it does. ``waveform``: its file, if one was asked for.
    """

    model: str
    project: RtlProject
    report: Report
    seed: int
    seconds: float
    kept: str | None = None
    waveform: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing at all is wrong."""
        return self.report.passed

    @property
    def verdict(self) -> str:
        """The one line that matters."""
        return self.report.verdict

    def rows(self) -> list[tuple[str, str, str]]:
        """The cells of ``HEADINGS`` for the emulator and every implementation."""
        rows = []
        for name, checked in {"emulator": self.report.crossings, **self.report.checked}.items():
            spent = self.report.seconds.get(name, 0.0)
            rows.append((name, f"{checked:,}", f"{checked / spent:,.0f}" if spent else "-"))
        return rows

    def lines(self) -> list[str]:
        """What is said below the table: stimuli, latency, coverage."""
        report, project = self.report, self.project
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.stimuli.items())
        said = [
            f"stimuli: {kinds}; {report.clocks:,} clocks, seed {self.seed}, {self.seconds:.0f} s",
            f"latency {project.latency} clocks ({project.latency_ns:.1f} ns at"
            f" {1000 / project.clock_period_ns:.0f} MHz), asserted on every clock;"
            f" initiation interval {project.interval}",
        ]
        if project.slow:
            said.append(f"[yellow]{project.slow}[/yellow]")
        if report.coverage is not None:
            said.append(f"toggle coverage of ports and pipeline registers: {100 * report.coverage:.2f} %")
        if report.directed is not None:
            said += report.directed.report()
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the report."""
        return self.report.to_dict()

    def plot(self) -> Figure:
        """Crossings compared by kind of stimuli, as bars."""
        return bars(self.report.stimuli, "crossings", f"{self.model}: {self.verdict}")

    def _repr_html_(self) -> str:
        table = html_table(f"{self.model}: co-verification ({self.report.driver})", HEADINGS, self.rows())
        return table + html_lines([*map(str, self.report.examples), self.verdict])


def verify(
    model: str,
    n: int | None = None,
    *,
    deep: bool = False,
    vhdl: bool = False,
    axi: bool = False,
    events: Sequence[Path] | None = None,
    hls: str | Path | None = None,
    stages: int | None = None,
    period: float | None = None,
    interval: int | None = None,
    seed: int = 1,
    threads: int = 1,
    output: str | Path | None = None,
    record: bool = True,
    waves: bool = False,
    progress: Say = _silent,
    on_start: Callable[[int], None] = _silent,
    on_crossings: Callable[[int], None] = _silent,
) -> Verification:
    """Prove the Verilog of ``model`` equal to its emulator and all other implementations, by simulation.

    Parameters
    ----------
    model
        Name of a model of this repository, or a graph file.
    n, deep
        Crossings (default 1 M; 50 M if ``deep``, 5 000 if ``vhdl`` or ``axi``); whether the compiled harness
        alone drives the design.
    vhdl
        Compare the same circuit written as VHDL-2008, simulated by GHDL, instead of the Verilog.
    axi
        Compare the Verilog in its AXI4-Stream wrapper, whose sink and source pause at random.
    events
        Event files instead of the committed sample; files of jets for the jet taggers.
    hls
        hls4ml project to compare with; by default the model's own, written once.
    stages, period
        Pipeline stages (default: as many as the clock needs); clock period in ns (default: the project's,
        or 240 MHz).
    interval
        Compare the circuit folded in time, which takes an event every ``interval`` clocks: networks on sets.
    seed, threads
        Seed of random bits, corners and gaps; simulated instances side by side.
    output, record, waves
        Folder of records and waveform (default: build/reports/DESIGN); whether to keep the record there;
        whether to leave a waveform.
    progress, on_start, on_crossings
        Called with each step's name; with the number of crossings when they start; with those done since.

    Raises
    ------
    InputError
        If a tool is missing, the design is too large, or ``hls`` is the project of another network.

    Examples
    --------
    >>> import l1forge
    >>> proof = l1forge.verify("tau_id", n=2000)
    >>> proof.passed
    True
    """
    from l1forge.emulator.folders import build_folder, variant
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import generate
    from l1forge.models import graph_path
    from l1forge.models.registry import rows_of
    from l1forge.screen.outputs import check_folders
    from l1forge.studies.defaults import clock_period
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import verify as run
    from l1forge.testbench.flow import waveform
    from l1forge.testbench.records import keep
    from l1forge.testbench.stimuli import Plan, sample_files

    if period is not None and not isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")
    graph = Graph.load(graph_path(model))
    # a design that is cut otherwise leaves the record of the default one alone
    name = variant(graph.name, stages, period)
    name = name if interval is None else f"{name}_folded{interval}"
    folder = Path(output) if output is not None else build_folder() / "reports" / name
    check_folders(folder)
    check_kind(deep=deep, waves=waves, vhdl=vhdl, axi=axi)
    if interval is not None:
        _check_folded(deep=deep, waves=waves, vhdl=vhdl, axi=axi, stages=stages, threads=threads > 1)
    files = list(events) if events else None
    rows = rows_of(model, files)
    check_pipelined(graph)
    if hls is not None:
        check_project(Path(hls), graph)
    if vhdl or axi:
        cut = {"stages": stages, "clock_period_ns": clock_period(period)}
        return _otherwise(graph, name, n, vhdl, cut, files, rows, seed, progress, on_start, on_crossings)
    progress("writing Verilog")
    if interval is None:
        project = generate(
            graph, build_folder() / "rtl" / name, stages=stages, clock_period_ns=clock_period(period)
        )
    else:
        from l1forge.firmware.sets.folded import generate_folded

        project = generate_folded(
            graph, build_folder() / "rtl" / name, interval, clock_period_ns=clock_period(period)
        )
    with ExitStack() as stack:
        extra = _implementations(model, graph, Path(hls) if hls is not None else None, stack, progress)
        progress("directed stimuli")
        found = directed(graph, progress=progress)  # once; then from the cache
        count = n if n is not None else DEEP if deep else DEFAULT
        on_start(count)
        started = time.perf_counter()
        if interval is not None:
            kinds = Plan(count).stimuli(graph, files or sample_files(), seed, found, rows)
            report = _folded(graph, project, kinds, seed, found, extra, on_crossings)
        else:
            _, report = run(
                graph,
                count,
                project=project,
                extra=extra,
                files=files,
                seed=seed,
                deep=deep,
                threads=threads,
                progress=on_crossings,
                found=found,
                rows=rows,
            )
    seconds = time.perf_counter() - started
    kept = keep(report, folder) if record else None
    place = None
    if waves:
        place = waveform(graph, folder / "waves.vcd", files=files, seed=seed, project=project)
    return Verification(graph.name, project, report, seed, seconds, kept, place)


def check_kind(*, deep: bool, waves: bool, vhdl: bool, axi: bool) -> None:
    """InputError for options that do not go together: each is another way to simulate."""
    given = [name for name, on in (("--deep", deep), ("--vhdl", vhdl), ("--axi", axi)) if on]
    if len(given) > 1:
        raise InputError(
            f"does not go with {given[0]}", field=given[1], remedy="run the two one after the other"
        )
    if waves and (vhdl or axi):
        raise InputError(f"does not go with {given[0]}", field="--waves", remedy="leave one out")


def _check_folded(**given: object) -> None:
    """InputError for options that a folded design does not have."""
    for option, value in given.items():
        if value:
            raise InputError("does not go with --interval", field=f"--{option}", remedy="leave one out")


def _folded(
    graph: Graph,
    project: RtlProject,
    kinds: Mapping[str, Iterable[Block]],
    seed: int,
    found: Directed,
    extra: dict[str, Implementation],
    on_crossings: Callable[[int], None],
) -> Report:
    """A design that is folded in time, events at its own interval or a clock later."""
    from l1forge.testbench.cosim import cosimulate
    from l1forge.testbench.drivers.build import verilate
    from l1forge.testbench.drivers.interval_driver import opened_spaced
    from l1forge.testbench.flow import CSIM

    with opened_spaced(verilate(project), project.interval, seed) as bench:
        return cosimulate(
            project,
            graph,
            kinds,
            extra=extra,
            extra_limit=CSIM,
            driver=bench,
            label="harness, spaced",
            directed=found,
            progress=on_crossings,
        )


def _otherwise(
    graph: Graph,
    name: str,
    n: int | None,
    vhdl: bool,
    cut: dict[str, Any],
    files: list[Path] | None,
    rows: NDArray[np.int64] | None,
    seed: int,
    progress: Say,
    on_start: Callable[[int], None],
    on_crossings: Callable[[int], None],
) -> Verification:
    """The VHDL in GHDL, or the Verilog behind AXI4-Stream; the record of the plain Verilog stays."""
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.rtl import generate
    from l1forge.testbench.cosim import Driver, cosimulate
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import merged
    from l1forge.testbench.stimuli import Plan, sample_files

    driver: Driver
    if vhdl:
        from l1forge.testbench.drivers.ghdl_driver import GhdlDriver

        progress("writing VHDL")
        project = generate(graph, build_folder() / "rtl" / f"{name}_vhdl", language="vhdl", **cut)
        driver, label = GhdlDriver(project, seed), "VHDL in GHDL"
    else:
        from l1forge.testbench.drivers.axi_driver import AxiDriver

        progress("writing Verilog")
        project = generate(graph, build_folder() / "rtl" / name, **cut)
        driver, label = AxiDriver(project, seed), "AXI4-Stream with cocotbext-axi"
    progress("directed stimuli")
    found = directed(graph, progress=progress)
    count = FEW if n is None else n
    kinds = Plan(count).stimuli(graph, sample_files() if files is None else files, seed, found, rows)
    on_start(count)
    started = time.perf_counter()
    report = cosimulate(
        project,
        graph,
        {kind: merged(blocks, True) for kind, blocks in kinds.items()},
        driver=driver,
        label=label,
        directed=found,
        progress=on_crossings,
    )
    return Verification(graph.name, project, report, seed, time.perf_counter() - started)


def _implementations(
    model: str, graph: Graph, hls: Path | None, stack: ExitStack, progress: Say
) -> dict[str, Implementation]:
    """The compiled HLS C++ of a network; conifer's C++ and RTL of trees, simulated until ``stack`` ends."""
    from l1forge.emulator.folders import build_folder
    from l1forge.models.hls_projects import hls_project
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.testbench.conifer import conifer_implementations, has_trees
    from l1forge.testbench.flow import hls_implementation

    extra: dict[str, Implementation] = {}
    progress("HLS project: writing and compiling, once")
    with quiet_stderr():  # TensorFlow and torch talk while they are imported
        folder = hls or hls_project(model, graph, build_folder() / "hls")
    if folder is not None:
        extra["hls"] = hls_implementation(folder, graph)
    if has_trees(graph):
        progress("compiling conifer's C++, simulating its VHDL")
        conifer = conifer_implementations(graph, build_folder() / "rtl" / f"{graph.name}_conifer")
        extra |= stack.enter_context(conifer)
    return extra


def check_project(project: Path, graph: Graph) -> None:
    """Demand that an hls4ml project has the inputs and outputs of ``graph``.

    Raises
    ------
    InputError
        If it has others, or cannot be read.
    """
    from l1forge.firmware.hls.translate.graph import import_project
    from l1forge.firmware.inputs.outputs import NETWORK

    def held(found: Graph) -> set[str]:
        return {node.name for node in found.nodes}

    def sizes(found: Graph) -> str:
        names = [name for name in found.meta.get(NETWORK, found.outputs) if name in held(found)]
        ends = [node.size for node in found.inputs], [found[name].size for name in names]
        return f"{ends[0]} inputs, {ends[1]} outputs"

    found = sizes(import_project(project))
    if found != sizes(graph):
        raise InputError(
            "is the project of another network",
            file=project,
            field="--hls",
            value=found,
            remedy=f"{graph.name} has {sizes(graph)}",
        )
