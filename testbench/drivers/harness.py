"""The fast driver: the compiled harness called with NumPy arrays (200k to 400k crossings/s per core)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.testbench.drivers.build import Simulation
from l1forge.testbench.drivers.packing import pack, unpack, words_of

GAP_PROBABILITY = 0.2


@dataclass(frozen=True)
class Stream:
    """What one stream of events gave.

    ``outputs`` (n, ports) in order of arrival; ``results`` how many arrived; ``clocks`` driven; ``misplaced``
    clocks on which out_valid was not in_valid ``latency`` clocks before.
    """

    outputs: NDArray[np.int64]
    results: int
    clocks: int
    misplaced: int


@dataclass(frozen=True)
class Toggles:
    """Toggle coverage of one register: bits that were seen to rise and to fall, of all its bits."""

    name: str
    width: int
    rose: int
    fell: int
    both: int


class Harness:
    """One simulated instance that keeps its state between streams; use ``opened``."""

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self.project = simulation.project
        library = ctypes.CDLL(str(simulation.folder / "harness.so"))
        library.bench_open.restype = ctypes.c_void_p
        library.bench_open.argtypes = [ctypes.c_int, ctypes.c_uint64]
        library.bench_close.argtypes = [ctypes.c_void_p]
        library.bench_toggles.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        library.bench_reset.restype = ctypes.c_int64
        library.bench_reset.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.bench_run.argtypes = [
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p),
            *(ctypes.c_int, ctypes.c_int, ctypes.c_void_p),
        ]
        self.library: Any = library
        self.handle = library.bench_open(self.project.latency, seed)

    def close(self) -> None:
        self.library.bench_close(self.handle)
        self.handle = None

    def stream(
        self, inputs: NDArray[np.int64], *, gaps: float = GAP_PROBABILITY, watch: bool = False
    ) -> Stream:
        """Send events (n, input ports), one per clock with idle clocks between; ``watch`` counts toggles."""
        project = self.project
        words = np.ascontiguousarray(pack(inputs, project.inputs))
        results = np.zeros((len(inputs), words_of(project.outputs)), np.uint32)
        counts = np.zeros(3, np.int64)
        self.library.bench_run(
            self.handle,
            words.ctypes.data,
            len(inputs),
            results.ctypes.data,
            round(256 * gaps),
            int(watch),
            counts.ctypes.data,
        )
        clocks, seen, misplaced = (int(n) for n in counts)
        return Stream(unpack(results, project.outputs), seen, clocks, misplaced)

    def reset(self, inputs: NDArray[np.int64]) -> int:
        """Reset a pipeline full of one event (1, input ports): clocks on which a result still came."""
        words = np.ascontiguousarray(pack(inputs, self.project.inputs))
        return int(self.library.bench_reset(self.handle, words.ctypes.data))

    def toggles(self) -> list[Toggles]:
        """Toggle coverage of ports and pipeline registers over all watched streams."""
        project = self.project
        registers = [("in_word", sum(p.width for p in project.inputs))]
        registers += [("out_word", sum(p.width for p in project.outputs))]
        registers += [(r.name, r.width) for r in project.registers if project.core]
        return [self._toggles(index, name, width) for index, (name, width) in enumerate(registers)]

    def _toggles(self, index: int, name: str, width: int) -> Toggles:
        words = self.library.bench_toggles(self.handle, index, None, None)
        rose, fell = np.zeros(words, np.uint32), np.zeros(words, np.uint32)
        self.library.bench_toggles(self.handle, index, rose.ctypes.data, fell.ctypes.data)
        seen = [np.unpackbits(w.view(np.uint8), bitorder="little")[:width] for w in (rose, fell)]
        return Toggles(name, width, int(seen[0].sum()), int(seen[1].sum()), int((seen[0] & seen[1]).sum()))


class Parallel:
    """Several instances of the design, each given a part of every block, each in its own thread."""

    def __init__(self, simulation: Simulation, seed: int, threads: int) -> None:
        self.benches = [Harness(simulation, seed + number) for number in range(threads)]
        self.pool = ThreadPoolExecutor(threads)

    def close(self) -> None:
        self.pool.shutdown()
        for bench in self.benches:
            bench.close()

    def stream(self, inputs: NDArray[np.int64], *, watch: bool = False) -> Stream:
        """As ``Harness.stream``; the parts' results are put together in the order of the events."""
        parts = np.array_split(inputs, len(self.benches))
        run = self.pool.map(lambda bench, part: bench.stream(part, watch=watch), self.benches, parts)
        streams = list(run)
        return Stream(
            np.concatenate([s.outputs for s in streams]),
            # what one instance lost must not be made up for by what another gave too much
            len(inputs) - sum(abs(s.results - len(part)) for s, part in zip(streams, parts, strict=True)),
            sum(s.clocks for s in streams),
            sum(s.misplaced for s in streams),
        )

    def toggles(self) -> list[Toggles]:
        """Coverage of the first instance (a lower bound for all of them)."""
        return self.benches[0].toggles()


@contextmanager
def opened(simulation: Simulation, seed: int = 1, threads: int = 1) -> Iterator[Harness | Parallel]:
    """Reset instances of the design; ``seed`` fixes the gaps and the data of idle clocks."""
    bench = Harness(simulation, seed) if threads == 1 else Parallel(simulation, seed, threads)
    try:
        yield bench
    finally:
        bench.close()
