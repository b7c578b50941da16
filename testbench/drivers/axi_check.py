"""The cocotb testbench of the AXI4-Stream wrapper: source and sink of cocotbext-axi, both pausing at random.

Started by ``testbench.drivers.axi_driver``, which passes a folder with ``stimulus.npz`` and reads
``result.npz``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

RUN = "L1FORGE_AXI_RUN"
IDLE_CLOCKS = 10_000
"""Clocks without a result after which the design hangs."""


def pauses(bits: np.ndarray) -> Iterator[bool]:
    """Whether to pause, clock by clock, over and over."""
    while True:
        yield from bits.tolist()


class Handshakes:
    """Counts clocks, those on which both sides waited for the other, and promises that were broken.

    Once ``tvalid`` is high it must stay, with the same data, until ``tready`` (AMBA 4 AXI4-Stream, 2.2.1).
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.clocks = self.held = self.stalled = self.broken = 0

    async def run(self) -> None:
        dut, before = self.dut, None
        while True:
            await RisingEdge(dut.aclk)
            valid, ready = int(dut.m_axis_tvalid.value), int(dut.m_axis_tready.value)
            data = int(dut.m_axis_tdata.value) if valid else None
            self.clocks += 1
            self.held += valid and not ready
            self.stalled += int(dut.s_axis_tvalid.value) and not int(dut.s_axis_tready.value)
            self.broken += before is not None and data != before
            before = data if valid and not ready else None


@cocotb.test()
async def stream(dut: Any) -> None:
    """Send all words; the values are compared by whoever made the stimulus."""
    folder = Path(os.environ[RUN])
    with np.load(folder / "stimulus.npz") as stimulus:
        words = [row.tobytes() for row in stimulus["words"]]
        waits, blocks = stimulus["waits"], stimulus["blocks"]
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, False)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, False)
    dut.aresetn.value = 0
    Clock(dut.aclk, 4, unit="ns").start()
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    seen = Handshakes(dut)
    cocotb.start_soon(seen.run())
    source.set_pause_generator(pauses(waits))
    sink.set_pause_generator(pauses(blocks))
    for word in words:
        await source.send(AxiStreamFrame(word))
    found: list[bytes] = []
    idle = 0
    while len(found) < len(words) and idle < IDLE_CLOCKS:
        await RisingEdge(dut.aclk)
        idle += 1
        while not sink.empty():
            found.append(bytes(sink.recv_nowait().tdata))
            idle = 0
    await ClockCycles(dut.aclk, 100)
    while not sink.empty():
        found.append(bytes(sink.recv_nowait().tdata))
    size = len(dut.m_axis_tdata) // 8
    got = np.frombuffer(b"".join(found), np.uint8).reshape(-1, size)
    counts = [seen.clocks, seen.held, seen.stalled, seen.broken]
    np.savez(folder / "result.npz", words=got, counts=np.array(counts, np.int64))
