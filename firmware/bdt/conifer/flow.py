"""`l1forge firmware` for trees: conifer's projects written, its C++ compared with the emulator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.conifer.model import trees_of
from l1forge.firmware.bdt.conifer.project import Backend, CompiledConifer, write_project
from l1forge.firmware.verify import differences

PROJECTS: tuple[Backend, ...] = ("xilinxhls", "vhdl", "cpp")


@dataclass
class ConiferComparison:
    """conifer's C++ against the emulator: integers, every score of every event."""

    backend: str
    events: int = 0
    mismatches: int = 0
    first: str | None = None
    compile_s: float = 0.0
    conifer_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def write_projects(graph: Graph, folder: Path) -> dict[str, Path]:
    """conifer's HLS, VHDL and C++ projects of ``graph`` as ``folder/xilinxhls``, ``vhdl`` and ``cpp``."""
    with atomic_files(folder, replace_folders=True) as temporary:
        for backend in PROJECTS:
            write_project(graph, temporary / backend, backend)
    return {backend: folder / backend for backend in PROJECTS}


def compare(graph: Graph, blocks: Iterable[NDArray[np.int64]], backend: Backend = "cpp") -> ConiferComparison:
    """Compile conifer's C++ and compare it on blocks of rows of the trees' input."""
    alone = trees_of(graph)
    kernel = compile_graph(alone)
    with CompiledConifer(graph, backend) as conifer:
        result = ConiferComparison(backend, compile_s=conifer.compile_s)
        for block in blocks:
            expected = kernel.run_rows({alone.inputs[0].name: block})[alone.outputs[0]]
            got = conifer(block)
            different = differences(expected, got)
            wrong = different.wrong_events
            if len(wrong) and result.first is None:
                result.first = (
                    f"event {result.events + int(wrong[0])}: {got[wrong[0]].tolist()},"
                    f" not {expected[wrong[0]].tolist()}"
                )
            if different.missing and result.first is None:
                result.first = f"event {result.events}: shape {got.shape}, not {expected.shape}"
            result.mismatches += len(wrong) + different.missing
            result.events += len(block)
        result.conifer_s = conifer.seconds
    return result
