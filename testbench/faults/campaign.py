"""A fault campaign: one simulation with many faults that are switched on one at a time.

The faults of a design are chosen at random places of its netlist (``kinds``), all are built in at once, and a
further input says which one acts. Every fault is then sent through the co-verification: the same crossings,
the same comparison with the emulator, the same check of every clock of the valid signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Harness
from l1forge.testbench.faults.kinds import KINDS, Fault, draw, inject, places
from l1forge.testbench.faults.netlist import Netlist, read_netlist
from l1forge.testbench.faults.proof import prove_equal
from l1forge.testbench.stimuli import Block

SELECT_BITS = 16
PIECES = (64, 256, 1024, 4096)
"""Crossings of the first pieces; most faults are seen in one of them, so that the rest need not be driven."""
VALUES, CLOCKS, RESET = "values", "valid", "reset"
"""What noticed a fault: an output's value; a result that came at a wrong clock, or after a reset."""
EQUIVALENT, UNPROVEN = "equivalent: no input shows it", "not seen, not proven equivalent"


@dataclass(frozen=True)
class Subject:
    """A design, what its outputs should be, and the crossings of its co-verification.

    ``expected`` maps consecutive crossings (n, inputs) to outputs (n, outputs). ``blocks`` are independent:
    between two of them the pipeline runs empty. ``gaps``: share of idle clocks.
    """

    name: str
    project: RtlProject
    expected: Callable[[Block], NDArray[np.int64]]
    blocks: tuple[Block, ...]
    gaps: float = GAP_PROBABILITY

    @property
    def crossings(self) -> int:
        return sum(map(len, self.blocks))


@dataclass(frozen=True)
class Verdict:
    """What became of one fault: ``caught`` by which comparison (None: by none), after how many crossings."""

    fault: Fault
    place: str
    caught: str | None
    crossings: int
    reason: str = ""
    """Of a survivor: why no comparison noticed it."""


@dataclass(frozen=True)
class Campaign:
    """The verdicts on one design."""

    subject: str
    crossings: int
    seed: int
    verdicts: tuple[Verdict, ...] = field(repr=False)

    @property
    def caught(self) -> int:
        return sum(verdict.caught is not None for verdict in self.verdicts)

    @property
    def survivors(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.caught is None]

    @property
    def equivalent(self) -> int:
        """Survivors that are proven to change no output."""
        return sum(verdict.reason == EQUIVALENT for verdict in self.survivors)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "subject": self.subject,
            "crossings": self.crossings,
            "seed": self.seed,
            "faults": len(self.verdicts),
            "caught": self.caught,
            "equivalent": self.equivalent,
            "verdicts": [
                {"kind": v.fault.kind, "place": v.place, "caught": v.caught, "crossings": v.crossings}
                | ({"reason": v.reason} if v.caught is None else {})
                for v in self.verdicts
            ],
        }


def choose(netlist: Netlist, count: int, seed: int, copies: bool = True) -> list[Fault]:
    """``count`` different faults, as many of each kind as there are places for; fewer in a small design."""
    rng = np.random.default_rng(seed)
    rooms = {kind: room for kind in KINDS if (room := places(netlist, kind, copies))}
    chosen: dict[Fault, None] = {}
    for attempt in range(20 * count):
        if len(chosen) == count:
            break
        kind = list(rooms)[attempt % len(rooms)]
        place = rooms[kind][int(rng.integers(len(rooms[kind])))]
        chosen.setdefault(draw(netlist, kind, place, rng))
    return list(chosen)


def with_faults(netlist: Netlist, faults: Sequence[Fault]) -> Netlist:
    """A netlist with all faults, and an input ``fault``: 0, or which of them acts, from 1.

    The input is read with a crossing and kept over idle clocks, which carry random data.
    """
    made = netlist.copy()
    asked = made.fresh(SELECT_BITS)
    made.port_of("fault", "input", asked)
    kept = made.fresh(SELECT_BITS)
    now = made.mux(made.ports["in_valid"]["bits"][0], kept, asked)
    made.register(now)
    made.cells[next(reversed(made.cells))]["connections"]["Q"] = kept
    for number, fault in enumerate(faults, 1):
        code = ["1" if number >> i & 1 else "0" for i in range(SELECT_BITS)]
        inject(made, fault, made.binary("$eq", now, code, 1)[0])
    return made


def run_campaign(
    subject: Subject,
    count: int,
    seed: int,
    *,
    copies: bool = True,
    prove: bool = True,
    seconds: int = 60,
    progress: Callable[[int], None] | None = None,
) -> Campaign:
    """Put ``count`` single faults into a design, one at a time, and co-verify it.

    Parameters
    ----------
    count, seed
        How many faults, and of their places and kinds.
    copies
        Whether a fault in a loop of the Verilog is in all its copies, as a wrong text is, or in one of them.
    prove
        Whether survivors are given to a SAT solver: no input shows a fault that changes no output.
    seconds
        For each proof.
    progress
        Called with the number of faults done since the last call.

    Raises
    ------
    InputError
        If the design without a fault already differs from what is expected, or a tool is missing.
    """
    with TemporaryDirectory(prefix="l1forge-faults-") as name:
        folder = Path(name)
        netlist = read_netlist(subject.project, folder)
        faults = choose(netlist, count, seed, copies)
        with_faults(netlist, faults).verilog(folder, "faulty")
        simulation = verilate(
            replace(
                subject.project,
                folder=folder,
                files=("faulty.v",),
                inputs=(
                    *subject.project.inputs,
                    Port("fault", "fault", 0, f"ufixed<{SELECT_BITS},{SELECT_BITS}>"),
                ),
                registers=(),
                core="",
            )
        )
        pieces = [(piece, subject.expected(piece)) for piece in _pieces(subject.blocks)]
        found = []
        for number in range(len(faults) + 1):
            with closing(Harness(simulation, seed)) as bench:
                found.append(_caught(bench, subject, pieces, number))
            if not number and found[0][0] is not None:
                raise InputError(
                    f"{subject.name} differs from what is expected without any fault ({found[0][0]})",
                    field="faults",
                    remedy="mend this first: l1forge cosim",
                )
            if number and progress is not None:
                progress(1)
        verdicts = []
        for fault, (caught, crossings) in zip(faults, found[1:], strict=True):
            reason = ""
            if caught is None:
                proven = prove and prove_equal(netlist, fault, subject.project.latency, folder, seconds)
                reason = EQUIVALENT if proven else UNPROVEN
            verdicts.append(Verdict(fault, fault.text(netlist), caught, crossings, reason))
    return Campaign(subject.name, subject.crossings, seed, tuple(verdicts))


def _pieces(blocks: Sequence[Block]) -> list[Block]:
    """The blocks in pieces, the first ones short."""
    sizes = list(PIECES)
    pieces = []
    for block in blocks:
        start = 0
        while start < len(block):
            size = sizes.pop(0) if sizes else PIECES[-1]
            pieces.append(block[start : start + size])
            start += size
    return pieces


def _caught(
    bench: Harness, subject: Subject, pieces: Sequence[tuple[Block, NDArray[np.int64]]], number: int
) -> tuple[str | None, int]:
    """What noticed fault ``number``, and after how many crossings."""
    done = 0
    for piece, expected in pieces:
        rows = np.concatenate([piece, np.full((len(piece), 1), number, np.int64)], axis=1)
        got = bench.stream(rows, gaps=subject.gaps)
        done += len(piece)
        if got.misplaced or got.results != len(piece):
            return CLOCKS, done
        if not differences(expected, got.outputs).exact:
            return VALUES, done
    return (RESET if bench.reset(rows[-1:]) else None), done
