"""conifer's own circuits as further implementations in a co-verification: its C++, its RTL, its netlist.

Each takes the rows of the graph's input; the casts before the trees, which conifer does not have, are done by
the emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.conifer.model import trees_of
from l1forge.firmware.bdt.conifer.project import CompiledConifer
from l1forge.firmware.bdt.conifer.rtl import generate_conifer_rtl
from l1forge.firmware.rtl import RtlProject
from l1forge.testbench.cosim import Implementation
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import Harness, Parallel, opened
from l1forge.testbench.stimuli import Block, as_inputs


def has_trees(graph: Graph) -> bool:
    """Whether the graph ends in one tree ensemble, which is what conifer can hold."""
    found = [node.name for node in graph.nodes if node.op == "tree_ensemble"]
    return len(found) == 1 and graph.outputs == found


def tree_inputs(graph: Graph) -> Callable[[Block], Block]:
    """From rows of the graph's input to the integers its trees compare."""
    name = trees_of(graph).inputs[0].name
    if graph[name].op == "input":
        return lambda block: block
    kernel = compile_graph(graph.subgraph([name]))

    def run(block: Block) -> Block:
        values: Block = kernel.run_rows(as_inputs(graph, block))[name].reshape(len(block), -1)
        return values

    return run


def simulated(project: RtlProject, harness: Harness | Parallel) -> Callable[[Block], NDArray[np.int64]]:
    """The simulated project as a function; latency is asserted on every clock."""

    def run(block: Block) -> NDArray[np.int64]:
        found = harness.stream(block)
        if found.misplaced or found.results != len(block):
            raise InputError(
                f"{found.misplaced} results do not arrive at the latency of {project.latency} clocks",
                field=project.name,
                value=f"{found.results} of {len(block)} results",
            )
        return found.outputs

    return run


@contextmanager
def conifer_implementations(
    graph: Graph, folder: Path, *, seed: int = 1
) -> Iterator[dict[str, Implementation]]:
    """conifer's compiled C++ and its simulated RTL (VHDL through GHDL), as ``extra`` of ``cosimulate``.

    Parameters
    ----------
    folder
        Where the RTL project is written.

    Raises
    ------
    InputError
        If conifer cannot hold the graph, or g++, GHDL or Verilator is missing or fails.
    """
    prepare = tree_inputs(graph)
    with ExitStack() as stack:
        cpp = stack.enter_context(CompiledConifer(graph))
        project = generate_conifer_rtl(graph, folder)
        rtl = simulated(project, stack.enter_context(opened(verilate(project), seed)))
        yield {
            "conifer C++": lambda block: cpp(prepare(block)),
            f"conifer RTL ({project.latency} clocks)": lambda block: rtl(prepare(block)),
        }
