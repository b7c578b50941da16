"""The cocotb testbench of a trigger path: source, monitor, sink, and a bus master. Runs inside the simulator.

Started by ``testbench.path.cocotb_driver``, which passes a folder with ``stimulus.npz`` and reads
``result.npz``; the scoreboard (``testbench.path.scoreboard``) judges outside. Crossings are set and results
are sampled between two rising edges; the bus is driven by cocotbext-axi, access after access.
"""

from __future__ import annotations

import os
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Event, FallingEdge, ReadOnly, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from l1forge.testbench.drivers.cocotb_check import RUN, as_integers

RESET_CLOCKS = 64
OKAY, SLVERR = 0, 2


class CrossingSource:
    """Drives one crossing per clock, with its valid and reset."""

    def __init__(self, dut: Any, words: list[int], flags: np.ndarray) -> None:
        self.dut, self.words, self.flags = dut, words, flags.tolist()
        self.clock = 0
        self.done = Event()

    async def run(self) -> None:
        """To be started between two rising edges: the next one takes the first crossing."""
        dut, falling = self.dut, FallingEdge(self.dut.clk)
        for clock, (word, flags) in enumerate(zip(self.words, self.flags, strict=True)):
            self.clock = clock
            dut.in_word.value = word
            dut.in_valid.value = flags & 1
            dut.rst.value = flags >> 1
            await falling
        dut.in_valid.value = 0
        self.done.set()


class PathSink:
    """Keeps what comes out in every clock, and what the bus took and when."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.valid: list[int] = []
        self.taken: list[int] = []


class PathMonitor:
    """Watches the outputs clock by clock, the handshakes of the bus, and the latency of valid."""

    def __init__(self, dut: Any, source: CrossingSource, sink: PathSink, latency: int) -> None:
        self.dut, self.source, self.sink = dut, source, sink
        self.expected = deque([0] * latency)
        self.misplaced = 0

    async def run(self) -> None:
        """To be started together with the source."""
        dut, falling, settled, rising = (
            self.dut,
            FallingEdge(self.dut.clk),
            ReadOnly(),
            RisingEdge(self.dut.clk),
        )
        n = len(self.source.words)
        for _ in range(n):
            await settled  # inputs of this clock are set
            for channel in ("aw", "ar"):
                if self._bit(f"s_axil_{channel}valid") and self._bit(f"s_axil_{channel}ready"):
                    self.sink.taken.append(self.source.clock)
            entering = int(dut.in_valid.value)
            if int(dut.rst.value):
                self.expected = deque([0] * len(self.expected))
                entering = 0
            await rising
            await falling
            self.expected.append(entering)
            self.expected.popleft()
            valid = int(dut.out_valid.value)
            self.misplaced += valid != self.expected[0]
            self.sink.words.append(int(dut.out_word.value))
            self.sink.valid.append(valid)

    def _bit(self, name: str) -> bool:
        return bool(int(getattr(self.dut, name).value))


class PathTB:
    """Clock, reset, bus master, and the parts above."""

    def __init__(self, dut: Any, words: list[int], flags: np.ndarray, latency: int) -> None:
        self.dut = dut
        self.sink = PathSink()
        self.source = CrossingSource(dut, words, flags)
        self.monitor = PathMonitor(dut, self.source, self.sink, latency)
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.answers: list[tuple[int, int]] = []
        self.begun: list[int] = []
        self._pause()

    def _pause(self) -> None:
        """Every channel of the bus waits now and then, each in its own rhythm."""
        out, back = self.master.write_if, self.master.read_if
        channels = (out.aw_channel, out.w_channel, out.b_channel, back.ar_channel, back.r_channel)
        for number, channel in enumerate(channels):
            channel.set_pause_generator(cycle([0] * (3 + 2 * number) + [1] * (1 + number % 3)))

    async def bus(self, address: int, values: tuple[int, int]) -> list[str]:
        """Parts of words are refused; reads and writes at once do not disturb each other."""
        master, wrong = self.master, []
        whole = [value.to_bytes(4, "little") for value in values]
        await master.write(address, whole[0])
        part = await master.write(address, whole[1][:2])
        if int(part.resp) != SLVERR:
            wrong.append(f"a write of half a word is answered {int(part.resp)}")
        pairs = [cocotb.start_soon(master.write(address, whole[i % 2])) for i in range(16)]
        reads = [cocotb.start_soon(master.read(address, 4)) for _ in range(16)]
        for task in (*pairs, *reads):
            answer = await task
            if int(answer.resp) != OKAY:
                wrong.append(f"an access among others is answered {int(answer.resp)}")
            if task in reads and bytes(answer.data) not in whole:
                wrong.append(f"a read among writes finds {bytes(answer.data).hex()}")
        last = await master.read(address, 4)
        if bytes(last.data) != whole[1]:
            wrong.append(f"the last write is not there: {bytes(last.data).hex()}")
        return wrong

    async def reset(self) -> None:
        """Hold reset for longer than any latency."""
        dut = self.dut
        dut.rst.value, dut.in_valid.value, dut.in_word.value = 1, 0, 0
        Clock(dut.clk, 24, unit="ns").start()
        for _ in range(RESET_CLOCKS):
            await FallingEdge(dut.clk)

    async def accesses(self, when: list[list[int]], asked: list[tuple[int, int]]) -> None:
        """The accesses in their order, each at its clock or as soon after it as the one before is done.

        ``when``: first and last clock in which each may begin; one that cannot is left out.
        """
        for place, ((clock, last), (word, data)) in enumerate(zip(when, asked, strict=True)):
            while self.source.clock < clock:
                await FallingEdge(self.dut.clk)
            if self.source.clock > last:
                continue
            self.begun.append(place)
            address, writes = word >> 1, word & 1
            if writes:
                answer = await self.master.write(address, data.to_bytes(4, "little"))
                self.answers.append((0, int(answer.resp)))
            else:
                found = await self.master.read(address, 4)
                self.answers.append((int.from_bytes(found.data, "little"), int(found.resp)))

    async def run(self, when: list[list[int]], asked: list[tuple[int, int]]) -> None:
        """Everything, until the last crossing is in."""
        await self.reset()
        monitor = cocotb.start_soon(self.monitor.run())
        cocotb.start_soon(self.accesses(when, asked))
        cocotb.start_soon(self.source.run())
        await self.source.done.wait()
        await monitor


@cocotb.test()
async def path(dut: Any) -> None:
    """Stream all crossings; the latency is asserted here, everything else by the scoreboard."""
    folder = Path(os.environ[RUN])
    with np.load(folder / "stimulus.npz") as stimulus:
        words, flags = as_integers(stimulus["words"]), stimulus["flags"]
        when, asked = stimulus["when"].tolist(), [tuple(row) for row in stimulus["asked"].tolist()]
        latency = int(stimulus["latency"])
        bus = int(stimulus["bus_address"]), tuple(stimulus["bus_values"].tolist())
    tb = PathTB(dut, words, flags, latency)
    await tb.run(when, asked)
    faults = await tb.bus(*bus)
    size = len(dut.out_word) // 8
    data = b"".join(word.to_bytes(size, "little") for word in tb.sink.words)
    np.savez(
        folder / "result.npz",
        words=np.frombuffer(data, "<u4").reshape(len(tb.sink.words), -1),
        valid=np.array(tb.sink.valid, np.uint8),
        begun=np.array(tb.begun, np.int64),
        taken=np.array(tb.sink.taken, np.int64),
        faults=np.array(faults, dtype=np.str_),
        answers=np.array(tb.answers, np.int64).reshape(-1, 2),
    )
    assert tb.monitor.misplaced == 0, f"{tb.monitor.misplaced} clocks off the latency of {latency}"
