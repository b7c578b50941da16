"""From a trained model to its firmware projects, compared with the emulator: HLS C++, conifer, Verilog."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table
from l1forge.studies.limits import PIPELINED_WEIGHTS, nonzero_weights

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.bdt.conifer.flow import ConiferComparison
    from l1forge.firmware.rtl import RtlProject
    from l1forge.testbench.directed.coverage import Coverage

DEFAULT = 20_000
REFERENCE = 1_000
"""Crossings of each kind that the slow reference evaluation sees, too."""
REAL = 0.8
"""Share of real events; a tenth is corners, the rest directed rows and random bits."""
Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Firmware:
    """The HLS project of a network and what its compiled C++ computes.

    ``same_circuit``: whether the graph read back from hls4ml's C++ is the committed one (C++ that was written
    from that graph is only compared). ``crossings``
    compared by kind and ``mismatches`` by output are empty where nothing was compiled. ``rtl`` is the Verilog
    project; None if none was asked for or, see ``too_many_weights``, it would be too large.
    """

    model: str
    project: Path
    same_circuit: bool
    crossings: dict[str, int]
    mismatches: dict[str, int]
    examples: tuple[str, ...]
    directed: Coverage | None
    rtl: RtlProject | None
    too_many_weights: int | None

    @property
    def exact(self) -> bool:
        """Whether the circuit is the committed one and nothing that was compared differs."""
        return self.same_circuit and not any(self.mismatches.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        summary: dict[str, Any] = {
            "model": self.model,
            "project": str(self.project),
            "graph": self.same_circuit,
            "outputs": dict(self.mismatches),
        }
        if self.directed is not None:
            summary |= {"crossings": dict(self.crossings), "directed": self.directed.to_dict()}
        if self.rtl is not None:
            folder, latency, operations = str(self.rtl.folder), self.rtl.latency, self.rtl.operations
            summary["rtl"] = {"folder": folder, "latency": latency, "operations": operations}
        elif self.too_many_weights is not None:
            summary["rtl"] = None
        return summary

    def plot(self) -> Figure:
        """Crossings compared by kind of stimuli, as bars."""
        return bars(self.crossings, "crossings", f"{self.model}: compared with the HLS C++")

    def _repr_html_(self) -> str:
        title = f"{self.model}: HLS C++ against the emulator"
        rows = [(name, sum(self.crossings.values()), wrong) for name, wrong in self.mismatches.items()]
        circuit = f"{self.project}: its C++ {'is' if self.same_circuit else 'is not'} the committed graph"
        return html_lines([circuit]) + html_table(title, ("output", "crossings", "mismatches"), rows)


@dataclass(frozen=True)
class TreeFirmware:
    """conifer's projects of a tree ensemble by back end; ``compared`` is None where nothing was compiled."""

    model: str
    projects: dict[str, Path]
    compared: ConiferComparison | None

    @property
    def exact(self) -> bool:
        """Whether nothing that was compared differs."""
        return self.compared is None or not self.compared.mismatches

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        plain = {"model": self.model, "projects": {k: str(v) for k, v in self.projects.items()}}
        return plain | ({} if self.compared is None else {"compared": self.compared.to_dict()})

    def _repr_html_(self) -> str:
        table = html_table(f"{self.model}: conifer", ("project", "folder"), [*self.projects.items()])
        if self.compared is None:
            return table
        return table + html_lines(
            [f"{self.compared.mismatches} mismatches in {self.compared.events:,} events"]
        )


def firmware(
    model: str,
    n: int = DEFAULT,
    *,
    events: Sequence[Path] | None = None,
    compiled: bool = True,
    rtl: bool = True,
    seed: int = 1,
    output: str | Path | None = None,
    progress: Say = _silent,
    on_projects: Say = _silent,
) -> Firmware | TreeFirmware:
    """Write the firmware projects of ``model``, compile their C++ and compare it with the emulator: exactly.

    Parameters
    ----------
    model
        Name of a model of this repository, or a graph file that ends in trees.
    n, events, seed
        Crossings to compare; event files for the real ones (default: the committed sample); seed of the
        others.
    compiled, rtl
        Whether to compile and compare; whether to write Verilog, too (networks only).
    output
        Project folder; default ``hls_projects/MODEL``.
    progress, on_projects
        Called with each step's name; with a sentence about the written projects, before they are compiled.

    Raises
    ------
    InputError
        If the model has no HLS project, a tool is missing, or an event file cannot be used.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.models.registry import rows_of
    from l1forge.screen.outputs import check_folders

    graph = Graph.load(graph_path(model))
    folder = Path(output) if output is not None else Path("hls_projects") / graph.name
    check_folders(folder)
    files = list(events) if events else None
    if [graph[name].op for name in graph.outputs] == ["tree_ensemble"]:
        return _trees(graph, folder, n if compiled else 0, files, seed, progress, on_projects)
    if _is_written(model):
        from l1forge.firmware.hls.written.project import write

        progress("writing HLS C++")
        write(graph, folder)
        same = True
        on_projects(f"HLS project in {folder}; its C++ was written from the graph")
    else:
        make = _require_hls(model)
        progress("converting with hls4ml")
        same = _write(graph, make, folder)
        on_projects(
            f"HLS project in {folder}; its C++ {'is' if same else '[red]is not[/red]'} the committed graph"
        )
    crossings: dict[str, int] = {}
    mismatches: dict[str, int] = {}
    examples: tuple[str, ...] = ()
    coverage: Coverage | None = None
    if compiled:
        crossings, mismatches, examples, coverage = _compare(
            graph, folder, n, files, rows_of(model, files), seed, progress
        )
    project, weights = None, None
    if rtl:
        weights = nonzero_weights(graph)
        if weights <= PIPELINED_WEIGHTS:
            progress("writing Verilog")
            project, weights = _verilog(graph), None
    return Firmware(model, folder, same, crossings, mismatches, examples, coverage, project, weights)


def _is_written(model: str) -> bool:
    """Whether the model's HLS project is C++ written from its graph."""
    from l1forge.models.registry import models

    return model in models() and models()[model].written


def _require_hls(model: str) -> Callable[[Path], Any]:
    """How the model's hls4ml project is made; InputError for a graph that no training code is known for."""
    from l1forge.models.registry import hls_of

    make = hls_of(model)
    if make is None:
        raise InputError(
            "not a model of this repository: no HLS project can be written",
            field="MODEL",
            value=model,
            remedy=f"its Verilog: l1forge cosim {model} (--hls DIR compares with its hls4ml project)",
        )
    return make


def _write(graph: Graph, make: Callable[[Path], Any], folder: Path) -> bool:
    """Write the HLS project; whether its C++ is ``graph``. The chatter of hls4ml is dropped."""
    from l1forge.firmware.hls.translate.graph import import_project, write_project
    from l1forge.screen.quiet import quiet_stderr

    with contextlib.redirect_stdout(io.StringIO()):
        with quiet_stderr():
            hls_model = make(folder)
        write_project(hls_model)
    return _same_circuit(graph, import_project(folder))


def _compare(
    graph: Graph,
    folder: Path,
    n: int,
    files: list[Path] | None,
    rows: NDArray[np.int64] | None,
    seed: int,
    progress: Say,
) -> tuple[dict[str, int], dict[str, int], tuple[str, ...], Coverage]:
    """Crossings by kind, mismatches by output, first differences, and what behind the inputs was reached."""
    import numpy as np

    from l1forge.emulator.kernel import compile_graph
    from l1forge.firmware.hls.written.compiled import open_compiled
    from l1forge.firmware.verify import compare, compare_with_graph
    from l1forge.testbench.directed import directed
    from l1forge.testbench.stimuli import DIRECTED, Plan, as_inputs, sample_files

    progress("compiling with g++")
    project = open_compiled(folder)
    progress("directed stimuli")
    search = directed(graph, proofs=False, progress=progress)  # searched once, then from the cache
    coverage = search.coverage()
    kernel = compile_graph(graph)
    kinds = Plan(n, real=REAL).stimuli(graph, files or sample_files(), seed, search, rows)
    crossings: dict[str, int] = {}
    mismatches = dict.fromkeys(graph.outputs, 0)
    examples: list[str] = []
    progress("comparing")
    for kind, parts in kinds.items():
        for block in parts:
            crossings[kind] = crossings.get(kind, 0) + len(block)
            inputs = as_inputs(graph, block)
            found = project(list(inputs.values()))
            fast = kernel.run_array(
                {name: np.ascontiguousarray(x.reshape(len(x), -1).T) for name, x in inputs.items()}
            )
            head = [x[:REFERENCE] for x in inputs.values()]
            slow = compare_with_graph(graph, head, [f[:REFERENCE] for f in found])
            for name, values, reference in zip(graph.outputs, found, slow, strict=True):
                outcome = compare(name, np.moveaxis(fast[name], -1, 0), values)
                mismatches[name] += outcome.mismatches + reference.mismatches
                if outcome.first or reference.first:
                    examples.append(f"{name}: {outcome.first or reference.first}")
            search.watch(coverage, block)
            coverage.rows_driven += len(block) if kind == DIRECTED else 0
    return crossings, mismatches, tuple(examples), coverage


def _verilog(graph: Graph) -> RtlProject:
    """Fully pipelined Verilog: what `l1forge cosim` simulates."""
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.rtl import generate

    return generate(graph, build_folder() / "rtl" / graph.name)


def _trees(
    graph: Graph,
    folder: Path,
    n: int,
    files: list[Path] | None,
    seed: int,
    progress: Say,
    on_projects: Say,
) -> TreeFirmware:
    """Trees: conifer's HLS, VHDL and C++ projects; the C++ compiled and compared."""
    from l1forge.firmware.bdt.conifer.flow import compare, write_projects
    from l1forge.testbench.conifer import tree_inputs
    from l1forge.testbench.directed import directed
    from l1forge.testbench.stimuli import Plan, sample_files

    progress("writing conifer projects")
    written = write_projects(graph, folder)
    for backend, place in written.items():
        on_projects(f"conifer {backend} project in {place}")
    if not n:
        return TreeFirmware(graph.name, written, None)
    prepare = tree_inputs(graph)
    progress("directed stimuli")
    found = directed(graph, proofs=False, progress=progress)  # searched once, then from the cache
    kinds = Plan(n).stimuli(graph, files or sample_files(), seed, found)
    progress("compiling conifer's C++ with g++ and comparing")
    blocks: Any = (prepare(block) for parts in kinds.values() for block in parts)
    return TreeFirmware(graph.name, written, compare(graph, blocks))


def _same_circuit(first: Graph, second: Graph) -> bool:
    """Whether two graphs agree in everything but notes and event columns."""
    from l1forge.emulator.graph.fixed import FixedType

    def bare(graph: Graph) -> Any:
        text = json.loads(graph.to_json())
        for node in text["nodes"]:
            node.pop("source", None)
            for value in node.values():
                if isinstance(value, dict) and "data" in value:  # the modes of a constant's type do nothing
                    kind = FixedType.parse(value["type"])
                    value["type"] = (kind.width, kind.integer, kind.signed)
        return text["nodes"], text["outputs"]

    return bool(bare(first) == bare(second))
