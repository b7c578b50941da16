"""The cocotb testbench: a source, a monitor and a sink around the packed shell. Runs inside the simulator.

Started by ``testbench.drivers.cocotb_driver``, which passes a folder with ``stimulus.npz`` and reads
``result.npz``.
Everything happens on the falling edge, between two active edges: the monitor samples what the last rising
edge produced, the source sets what the next one takes.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, FallingEdge

RUN = "L1FORGE_COCOTB_RUN"


class Source:
    """Drives one event per clock; idle clocks, as ``gaps`` tells, carry random data with valid low."""

    def __init__(self, dut: Any, events: list[int], gaps: np.ndarray, noise: list[int]) -> None:
        self.dut, self.events, self.gaps, self.noise = dut, events, gaps, noise
        self.done = Event()

    async def run(self) -> None:
        dut, falling = self.dut, FallingEdge(self.dut.clk)
        clock = 0
        for word in self.events:
            for _ in range(int(self.gaps[clock % len(self.gaps)])):
                dut.in_valid.value = 0
                dut.in_word.value = self.noise[clock % len(self.noise)]
                await falling
                clock += 1
            dut.in_valid.value = 1
            dut.in_word.value = word
            await falling
            clock += 1
        dut.in_valid.value = 0
        self.done.set()


class Sink:
    """Keeps the result words in order of arrival."""

    def __init__(self) -> None:
        self.words: list[int] = []

    def take(self, word: int) -> None:
        self.words.append(word)


class Monitor:
    """Watches valid in and out, clock by clock: a result must come exactly ``latency`` clocks later."""

    def __init__(self, dut: Any, latency: int, sink: Sink) -> None:
        self.dut, self.sink = dut, sink
        self.expected = deque([0] * latency)
        self.clocks = self.misplaced = 0

    async def run(self) -> None:
        dut, falling = self.dut, FallingEdge(self.dut.clk)
        while True:
            await falling
            # in_valid as the last rising edge saw it; out_valid as that edge left it
            self.expected.append(int(dut.in_valid.value))
            valid = int(dut.out_valid.value)
            self.expected.popleft()
            self.misplaced += valid != self.expected[0]
            if valid:
                self.sink.take(int(dut.out_word.value))
            self.clocks += 1


class TB:
    """Clock, reset, and the three parts."""

    def __init__(self, dut: Any, latency: int, events: list[int], gaps: np.ndarray, noise: list[int]) -> None:
        self.dut, self.latency = dut, latency
        self.sink = Sink()
        self.source = Source(dut, events, gaps, noise)
        self.monitor = Monitor(dut, latency, self.sink)

    async def reset(self) -> None:
        dut = self.dut
        dut.rst.value, dut.in_valid.value, dut.in_word.value = 1, 0, 0
        Clock(dut.clk, 4, unit="ns").start()
        await ClockCycles(dut.clk, 4)
        await FallingEdge(dut.clk)
        dut.rst.value = 0

    async def run(self) -> None:
        await self.reset()
        cocotb.start_soon(self.monitor.run())
        cocotb.start_soon(self.source.run())
        await self.source.done.wait()
        await ClockCycles(self.dut.clk, 2 * self.latency)
        await FallingEdge(self.dut.clk)


def as_integers(words: np.ndarray) -> list[int]:
    """Rows of little-endian words as Python's integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in words]


@cocotb.test()
async def stream(dut: Any) -> None:
    """Stream all events; the latency is asserted here, the values by whoever made the stimulus."""
    folder = Path(os.environ[RUN])
    with np.load(folder / "stimulus.npz") as stimulus:
        events, noise = as_integers(stimulus["events"]), as_integers(stimulus["noise"])
        gaps, latency = stimulus["gaps"], int(stimulus["latency"])
    tb = TB(dut, latency, events, gaps, noise)
    await tb.run()
    size = len(dut.out_word) // 8
    data = b"".join(word.to_bytes(size, "little") for word in tb.sink.words)
    words = np.frombuffer(data, "<u4").reshape(len(tb.sink.words), -1)
    counts = [tb.monitor.clocks, len(tb.sink.words), tb.monitor.misplaced]
    np.savez(folder / "result.npz", words=words, counts=np.array(counts, np.int64))
    assert tb.monitor.misplaced == 0, f"{tb.monitor.misplaced} clocks off the latency of {latency}"
    assert len(tb.sink.words) == len(events), f"{len(tb.sink.words)} results for {len(events)} events"
