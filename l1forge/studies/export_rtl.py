"""A model's design as a folder to take away, with vectors of the emulator for its testbench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.studies.html import html_table

if TYPE_CHECKING:
    from l1forge.firmware.rtl import RtlProject

DEFAULT = 1_000
"""Crossings of the testbench."""


@dataclass(frozen=True)
class Delivered:
    """A folder with a design: its project, the files in it, the crossings of its testbench."""

    folder: Path
    project: RtlProject
    files: tuple[str, ...]
    crossings: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "folder": str(self.folder),
            "top": self.project.name,
            "circuit": self.project.circuit,
            "latency_clocks": self.project.latency,
            "clock_period_ns": self.project.clock_period_ns,
            "crossings": self.crossings,
            "files": list(self.files),
        }

    def _repr_html_(self) -> str:
        return html_table(f"{self.project.name}: {self.folder}", ("file",), [(file,) for file in self.files])


def export_rtl(
    model: str,
    output: str | Path,
    *,
    vhdl: bool = False,
    stages: int | None = None,
    period: float | None = None,
    n: int = DEFAULT,
    seed: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Delivered:
    """Write the design of ``model`` into ``output``, self-contained.

    Parameters
    ----------
    model
        Name of a model of this repository, or a graph file.
    output
        New or empty folder, or one that this function wrote.
    vhdl
        VHDL-2008 instead of Verilog; without testbench and AXI4-Stream wrapper.
    stages, period
        Pipeline stages (default: as many as the clock needs); clock period in ns (default 240 MHz).
    n, seed
        Crossings of the testbench: corner values, directed rows and random bits; their seed.
    progress
        Called with each step's name.

    Raises
    ------
    InputError
        If the graph has no logic, is too large, or the folder has other files.
    """
    from l1forge.emulator.folders import build_folder, variant
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.deliver import Vectors, deliver
    from l1forge.firmware.rtl import generate
    from l1forge.models import graph_path
    from l1forge.studies.defaults import clock_period
    from l1forge.studies.limits import check_pipelined
    from l1forge.testbench.cosim import emulator_of
    from l1forge.testbench.directed import directed
    from l1forge.testbench.stimuli import Plan

    if period is not None and not isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")
    graph = Graph.load(graph_path(model))
    check_pipelined(graph)
    language = "vhdl" if vhdl else "verilog"
    progress(f"writing {'VHDL' if vhdl else 'Verilog'}")
    name = variant(graph.name, stages, period)
    project = generate(
        graph,
        build_folder() / "rtl" / (f"{name}_vhdl" if vhdl else name),
        stages=stages,
        clock_period_ns=clock_period(period),
        language=language,
    )
    vectors = None
    if not vhdl:
        progress("directed stimuli")
        kinds = Plan(n, real=0.0).stimuli(graph, [], seed, directed(graph, proofs=False))
        inputs = np.concatenate([block for blocks in kinds.values() for block in blocks])
        vectors = Vectors(inputs, emulator_of(graph)(inputs))
    folder = Path(output)
    files = deliver(project, folder, vectors, graph.to_json())
    return Delivered(folder, project, tuple(files), 0 if vectors is None else len(vectors.inputs))
