"""Resources, timing and latency of a model's firmware; the same circuit cut into other numbers of stages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
    from l1forge.firmware.synth import Synthesis
    from l1forge.firmware.synth.tradeoff import Cut
    from l1forge.testbench.outcome import Report

Say = Callable[[str], None]


def _silent(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Synthesised:
    """What a tool found about one design; ``netlist``: the co-verification of its netlist, if asked for."""

    model: str
    project: RtlProject
    result: Synthesis
    netlist: Report | None = None

    @property
    def passed(self) -> bool:
        """Whether the netlist is exact (also true if it was not simulated: see ``netlist``)."""
        return self.netlist is None or self.netlist.passed

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the result."""
        return self.result.to_dict()

    def plot(self) -> Figure:
        """LUT, FF, DSP and BRAM as bars."""
        found = self.result
        used = {"LUT": found.lut, "FF": found.ff, "DSP": found.dsp, "BRAM": found.bram}
        return bars(used, "used", f"{self.model}: {found.tool}, {found.family}")

    def _repr_html_(self) -> str:
        table = html_table(f"{self.model}: synthesis", ("quantity", "value"), self.result.rows())
        return table + html_lines([self.netlist.verdict] if self.netlist is not None else [])


@dataclass(frozen=True)
class StageComparison:
    """The same circuit with several numbers of pipeline stages, synthesised by Yosys."""

    model: str
    clock_period_ns: float
    cuts: tuple[Cut, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data for JSON, one result for each number of stages."""
        return [cut.result.to_dict() for cut in self.cuts]

    def plot(self) -> Figure:
        """Longest path in ns against stages, as bars."""
        paths = {str(cut.project.stages): cut.result.delay_ns or 0.0 for cut in self.cuts}
        return bars(paths, "longest path [ns], cells only", f"{self.model}: pipeline stages")

    def _repr_html_(self) -> str:
        from l1forge.firmware.synth.tradeoff import HEADINGS

        title = f"{self.model}: stages at {1000 / self.clock_period_ns:.0f} MHz"
        return html_table(title, HEADINGS, [cut.row() for cut in self.cuts])


def synthesise(
    model: str,
    *,
    stages: int | None = None,
    period: float | None = None,
    tool: str = "auto",
    part: str | None = None,
    dsp: bool = True,
    fresh: bool = False,
    netlist: int = 0,
    output: str | Path | None = None,
    save_to: str | Path | None = None,
    progress: Say = _silent,
    on_result: Callable[[Synthesised], None] = _silent,
) -> Synthesised:
    """Synthesise ``model`` with Yosys, or with the vendor's tool where that is on PATH.

    Parameters
    ----------
    model
        Name of a model of this repository, ``muon_patterns``, ``menu_default``, ``trigger_control``,
        ``trigger_path``, a graph file, or the folder of a written Verilog project.
    stages, period
        Pipeline stages (default: as many as the clock needs); clock period in ns (default 240 MHz).
    tool, part
        ``auto`` or a back end of ``firmware.synth.backend``; part or family, as the tool names it.
        ``nextpnr`` places and routes.
    dsp
        Multipliers in DSP blocks, or in LUTs (Yosys).
    fresh
        Run the tool also where Yosys' result for the same Verilog, options and version is known.
    netlist
        Also simulate Yosys' netlist on so many crossings.
    output, save_to
        Folder of netlist and log; file of the result (default: build/reports/MODEL/synthesis.json).
    progress, on_result
        Called with each step's name; with the result before the netlist is simulated.

    Raises
    ------
    InputError
        If the tool or part is unknown, the tool is missing, or it rejects the design.

    Examples
    --------
    >>> import l1forge
    >>> found = l1forge.synthesise("tau_id", tool="yosys")
    >>> found.passed
    True
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth.backend import Design, Request, check_tool, choose
    from l1forge.models import graph_path
    from l1forge.models.hls_projects import hls_project
    from l1forge.models.registry import hls_of, models, rows_of
    from l1forge.studies.designs import project_of, refuse_cut

    check_tool(tool, part)
    _check_period(period)
    written = project_of(model)
    if written is not None:
        refuse_cut(stages, period, model)
        if netlist:
            raise InputError("this design has no graph to compare with", field="--netlist", value=netlist)
        graph, project, usual = None, written, build_folder() / "synth" / written.name
    else:
        graph = Graph.load(graph_path(model))
        check_pipelined(graph)
        project, usual = _design(graph, stages, period, dsp)

    def hls() -> Path:
        made = hls_project(model, graph, build_folder() / "hls") if graph is not None else None
        return made or Path("hls_projects") / model

    name = graph.name if graph is not None else project.name
    design = Design(
        name, project, hls, hls_of(model) is not None or (model in models() and models()[model].written)
    )
    chosen = choose(tool, design)
    folder = Path(output) if output is not None else _of_part(usual, chosen.name, part)
    result = chosen.synthesise(design, Request(folder, part, dsp, fresh, progress))
    made = Synthesised(name, project, result)
    on_result(made)
    _record(made, Path(save_to) if save_to is not None else None)
    if not netlist or graph is None:
        return made
    progress("simulating the netlist")
    return Synthesised(name, project, result, _simulate(graph, rows_of(model), made, folder, netlist))


def compare_stages(
    model: str,
    numbers: Sequence[int],
    *,
    period: float | None = None,
    dsp: bool = True,
    progress: Say = _silent,
) -> StageComparison:
    """One synthesis by Yosys for each number of pipeline stages; what was synthesised before is found again.

    Raises
    ------
    InputError
        If Yosys is missing, or the graph cannot be cut so.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth.backend import Design, Request, backends
    from l1forge.firmware.synth.tradeoff import Cut
    from l1forge.models import graph_path

    _check_period(period)
    graph = Graph.load(graph_path(model))
    check_pipelined(graph)
    usual, _ = _design(graph, None, period, dsp)
    cuts = []
    for number in numbers:
        default = number == usual.stages
        project, folder = _design(graph, None if default else number, period, dsp)
        design = Design(graph.name, project, lambda: Path("hls_projects") / model, False)
        result = backends()["yosys"].synthesise(design, Request(folder, None, dsp, progress=progress))
        cuts.append(Cut(project, result, default))
    return StageComparison(graph.name, usual.clock_period_ns, tuple(cuts))


def _of_part(usual: Path, tool: str, part: str | None) -> Path:
    """The folder of a part that is not the usual one, or of another tool: runs side by side stay apart."""
    if part is None and tool != "nextpnr":
        return usual
    return usual.with_name(f"{usual.name}-{(part or tool).lower()}")


def _check_period(period: float | None) -> None:
    if period is not None and not isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")


def _design(graph: Graph, stages: int | None, period: float | None, dsp: bool) -> tuple[RtlProject, Path]:
    """The Verilog project of ``graph`` and the folder for its synthesis."""
    from l1forge.emulator.folders import build_folder, variant
    from l1forge.firmware.rtl import generate
    from l1forge.studies.defaults import clock_period

    name = variant(graph.name, stages, period)
    project = generate(
        graph, build_folder() / "rtl" / name, stages=stages, clock_period_ns=clock_period(period)
    )
    return project, build_folder() / "synth" / f"{name}{'' if dsp else '-nodsp'}"


def _record(made: Synthesised, file: Path | None) -> None:
    """Save the result, and one line for it in the design's history."""
    from l1forge.emulator.atomic import append_line
    from l1forge.emulator.folders import build_folder

    reports = build_folder() / "reports" / made.model
    made.result.save(file or reports / "synthesis.json")
    reports.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"when": when, "step": "synth", **made.result.to_dict()}
    append_line(reports / "history.jsonl", json.dumps(line))


def _simulate(
    graph: Graph, rows: NDArray[np.int64] | None, made: Synthesised, folder: Path, n: int
) -> Report:
    """Co-verify the netlist that Yosys left in ``folder``."""
    from l1forge.firmware.synth import yosys
    from l1forge.testbench.cosim import cosimulate
    from l1forge.testbench.directed import directed
    from l1forge.testbench.stimuli import Plan, sample_files

    if made.result.netlist is None:
        raise InputError("only Yosys netlists can be simulated", field="--netlist", value=n)
    found = directed(graph, proofs=False)
    kinds = Plan(n).stimuli(graph, sample_files(), 1, found, rows)
    project = yosys.netlist_project(made.project, folder)
    return cosimulate(project, graph, kinds, label="netlist", directed=found)
