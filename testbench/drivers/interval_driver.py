"""Driver for designs with an initiation interval above one: events at least so many clocks apart."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.tools.locks import locked
from l1forge.testbench.drivers.build import Simulation, is_linked, link_library
from l1forge.testbench.drivers.harness import Harness, Stream, Toggles
from l1forge.testbench.drivers.packing import pack, unpack, words_of

SOURCE = Path(__file__).with_name("interval_driver.cpp")
LIBRARY = "spaced.so"


class SpacedHarness(Harness):
    """A :class:`Harness` that waits ``interval`` clocks between events; toggles are not counted."""

    def __init__(self, simulation: Simulation, interval: int, seed: int) -> None:
        with locked(simulation.folder):
            if not is_linked(simulation, LIBRARY):
                link_library(simulation, SOURCE, LIBRARY, (f"-I{SOURCE.parent}",))
        self.interval = interval
        super().__init__(simulation, seed)
        library = ctypes.CDLL(str(simulation.folder / LIBRARY))
        library.bench_open.restype = ctypes.c_void_p
        library.bench_open.argtypes = [ctypes.c_int, ctypes.c_uint64]
        library.bench_close.argtypes = [ctypes.c_void_p]
        library.bench_run_spaced.argtypes = [
            *(
                ctypes.c_void_p,
                ctypes.c_void_p,
                ctypes.c_int64,
                ctypes.c_void_p,
                ctypes.c_int,
                ctypes.c_void_p,
            )
        ]
        self.spaced = library
        self.spaced_handle = library.bench_open(self.project.latency, seed)

    def close(self) -> None:
        self.spaced.bench_close(self.spaced_handle)
        super().close()

    def toggles(self) -> list[Toggles]:
        """None: these designs are watched by their results alone."""
        return []

    def stream(self, inputs: NDArray[np.int64], *, gaps: float = 0.0, watch: bool = False) -> Stream:
        """Send events (n, input ports); ``gaps`` and ``watch`` have no effect."""
        words = np.ascontiguousarray(pack(inputs, self.project.inputs))
        results = np.zeros((len(inputs), words_of(self.project.outputs)), np.uint32)
        counts = np.zeros(3, np.int64)
        self.spaced.bench_run_spaced(
            self.spaced_handle,
            words.ctypes.data,
            len(inputs),
            results.ctypes.data,
            self.interval,
            counts.ctypes.data,
        )
        clocks, seen, misplaced = (int(n) for n in counts)
        return Stream(unpack(results, self.project.outputs), seen, clocks, misplaced)


@contextmanager
def opened_spaced(simulation: Simulation, interval: int, seed: int = 1) -> Iterator[SpacedHarness]:
    """A reset instance of the design, driven every ``interval`` clocks or a little slower."""
    harness = SpacedHarness(simulation, interval, seed)
    try:
        yield harness
    finally:
        harness.close()
