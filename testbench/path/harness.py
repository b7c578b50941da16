"""The compiled driver of a path: crossings, resets and register accesses, clock by clock."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.path.generate import PathProject
from l1forge.firmware.tools.locks import locked
from l1forge.testbench.drivers.build import Simulation, is_linked, link_library, verilate
from l1forge.testbench.drivers.packed_top import packed
from l1forge.testbench.drivers.packing import pack, unpack, words_of
from l1forge.testbench.path.register_model import NEVER, WHOLE, Access

SOURCE = Path(__file__).with_name("harness.cpp")
LIBRARY = f"path-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}.so"
"""Another driver is another library beside the same simulation."""


@dataclass(frozen=True)
class Observed:
    """What came out in each clock: ``outputs`` (n, ports), ``valid`` (n,).

    ``log``: accesses that the bus answered, with the clock in which it took them; ``answers``: (word,
    response) of each. ``skipped``: accesses left out because a reset came. ``faults``: what else was wrong on
    the bus, in words.
    """

    outputs: NDArray[np.int64]
    valid: NDArray[np.bool_]
    log: tuple[Access, ...]
    answers: tuple[tuple[int, int], ...]
    skipped: int = 0
    faults: tuple[str, ...] = ()


class PathHarness:
    """One simulated path that keeps its state from call to call."""

    def __init__(self, project: PathProject) -> None:
        self.project = project
        self.inputs, self.outputs = packed(project.rtl.inputs), packed(project.rtl.outputs)
        simulation: Simulation = verilate(project.rtl)
        with locked(simulation.folder):
            if not is_linked(simulation, LIBRARY):
                link_library(simulation, SOURCE, LIBRARY)
        library: Any = ctypes.CDLL(str(simulation.folder / LIBRARY))
        library.path_open.restype = ctypes.c_void_p
        library.path_close.argtypes = [ctypes.c_void_p]
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        library.path_run.argtypes = [
            *(pointer, pointer, pointer, number, pointer, pointer),
            *(pointer, pointer, pointer, number, pointer, pointer, pointer),
        ]
        library.path_run.restype = number
        self.library, self.handle = library, library.path_open()

    def close(self) -> None:
        """End the simulation."""
        self.library.path_close(self.handle)

    def run(
        self,
        rows: NDArray[np.int64],
        valid: NDArray[np.bool_],
        reset: NDArray[np.bool_],
        accesses: Sequence[Access] = (),
    ) -> Observed:
        """Drive rows (n, ports without the bus), one each clock.

        Accesses begin at their clock, counted from the first row, or as soon after it as the bus is free.
        """
        n, count = len(rows), len(accesses)
        words = np.ascontiguousarray(pack(rows, self.inputs))
        flags = valid.astype(np.uint8) | reset.astype(np.uint8) << 1
        when = np.array([access.clock for access in accesses], np.int64)
        until = np.array([access.until for access in accesses], np.int64)
        asked = np.zeros((max(count, 1), 2), np.uint32)
        for place, access in enumerate(accesses):
            kind = (access.strobe ^ WHOLE) << 24 | access.address << 1 | (access.data is not None)
            asked[place] = kind, access.data or 0
        results = np.zeros((n, words_of(self.outputs)), np.uint32)
        came = np.zeros(n, np.uint8)
        found, responses = np.zeros(max(count, 1), np.uint32), np.zeros(max(count, 1), np.uint8)
        taken = np.zeros(max(count, 1), np.int64)
        arrays = (words, flags), (results, came, when, until, asked), (found, responses, taken)
        before, middle, after = ([a.ctypes.data for a in group] for group in arrays)
        done = self.library.path_run(self.handle, *before, n, *middle, count, *after)
        kept = [i for i in range(done) if taken[i] >= 0]
        log = tuple(replace(accesses[i], clock=int(taken[i]), until=NEVER) for i in kept)
        answers = tuple((int(found[i]), int(responses[i])) for i in kept)
        return Observed(unpack(results, self.outputs), came.astype(bool), log, answers, done - len(kept))
