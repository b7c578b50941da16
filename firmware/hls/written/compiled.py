"""A project written from a graph, compiled with g++ and called from Python, on integers."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.trust import trusted_folder
from l1forge.firmware.hls.project.bridge import installed_ap_types
from l1forge.firmware.hls.project.compiled import CompiledProject
from l1forge.firmware.hls.written.project import GRAPH
from l1forge.firmware.tools import children

WIDEST = 62
"""Bits of a value that passes as a 64-bit integer, sign included."""


def is_written(folder: Path) -> bool:
    """Whether ``folder`` is a project that ``written.project.write`` wrote."""
    return (folder / GRAPH).is_file()


class CompiledGraph:
    """The compiled C++ of a written project: all outputs of rows of integers.

    Raises
    ------
    InputError
        If g++ is missing or rejects the project, or a type is too wide.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        self.graph = Graph.load(self.folder / GRAPH)
        self._outputs = [self.graph[name] for name in self.graph.outputs]
        for node in (*self.graph.inputs, *self._outputs):
            if node.type.width > WIDEST:
                raise InputError("is too wide for C++'s integers", field=node.name, value=str(node.type))
        sources = list((self.folder / "firmware").glob("*.cpp"))
        if len(sources) != 1:
            raise InputError("expected one C++ file", file=self.folder / "firmware", value=len(sources))
        self.library = _compile(sources[0])
        self._function = getattr(ctypes.CDLL(str(self.library)), f"{sources[0].stem}_rows")

    def __call__(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.int64]]:
        """One int64 array (n, size) per output, from one integer array (n, ...) per input, all in LSBs."""
        count = len(inputs[0])
        rows = np.ascontiguousarray(
            np.concatenate([np.asarray(x, np.int64).reshape(count, -1) for x in inputs], axis=1)
        )
        results = np.zeros((count, sum(node.size for node in self._outputs)), np.int64)
        self._function(
            rows.ctypes.data_as(ctypes.c_void_p),
            results.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_longlong(count),
        )
        ends = np.cumsum([node.size for node in self._outputs])[:-1]
        return np.split(results, ends, axis=1)


def open_compiled(folder: str | Path) -> CompiledGraph | CompiledProject:
    """The compiled C++ of an HLS project, written by hls4ml or from a graph."""
    return CompiledGraph(folder) if is_written(Path(folder)) else CompiledProject(folder)


def _compile(source: Path) -> Path:
    """The shared library; that of an earlier call is used again, if nobody else can write to its folder."""
    flags = ["-O1", "-fPIC", "-shared", "-std=c++17", "-fno-gnu-unique", "-w", f"-I{installed_ap_types()}"]
    stamp = hashlib.sha256(source.read_bytes() + " ".join(flags).encode()).hexdigest()[:16]
    place = trusted_folder(source.parent, "copy the project to a folder of your own")
    library = place / f"{source.stem}-{stamp}.so"
    if not library.exists():
        temporary = library.with_suffix(f".{os.getpid()}.partial")
        try:
            done = children.run(["g++", *flags, str(source), "-o", str(temporary)], cwd=source.parent)
        except FileNotFoundError as error:
            raise InputError("compiler not found", field="g++", remedy="install g++") from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line][:3]
            raise InputError("g++ does not compile the project", file=source, value=" | ".join(lines))
        temporary.replace(library)
    return library
