"""A fault campaign: one simulation with many faults that are switched on one at a time.

The faults of a design are chosen at random places of its netlist (``kinds``), all are built in at once, and a
further input says which one acts. Every fault is then sent through the co-verification: the same crossings,
the same comparison with the emulator, the same check of every clock of the valid signal.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Harness
from l1forge.testbench.faults.journal import Journal
from l1forge.testbench.faults.kinds import KINDS, Fault, draw, inject, places
from l1forge.testbench.faults.netlist import Netlist, read_netlist
from l1forge.testbench.faults.proof import prove_equal, prove_step
from l1forge.testbench.stimuli import Block

SELECT_BITS = 16
PIECES = (64, 256, 1024, 4096)
"""Crossings of the first pieces; most faults are seen in one of them, so that the rest need not be driven."""
VALUES, CLOCKS, RESET, BUS, PROOF = "values", "valid", "reset", "bus", "proof"
"""What noticed a fault: an output, a result at a wrong clock, or after a reset, a register, a proof."""
EQUIVALENT, UNPROVEN = "equivalent: no input shows it", "not seen, not proven equivalent"


class Bench(Protocol):
    """A simulated design with faults."""

    def caught(self, number: int) -> tuple[str | None, int]:
        """What noticed fault ``number`` (0: none acts), None if nothing did; after how many crossings."""


class Design(Protocol):
    """What a campaign can be run on: ``Subject``, or ``faults.path.PathSubject``."""

    @property
    def name(self) -> str: ...
    @property
    def project(self) -> RtlProject: ...
    @property
    def crossings(self) -> int: ...
    @property
    def feeds_back(self) -> bool:
        """Whether its state lives on, so that no number of clocks forgets it."""

    def netlist(self, folder: Path) -> Netlist:
        """What faults are put into."""

    def others(self) -> Sequence[Path]:
        """Verilog that is simulated with the netlist and has no faults."""

    def bench(self, project: RtlProject, seed: int) -> Bench:
        """The simulation of ``project``, the design with faults."""

    def disproven(self, netlist: Netlist, fault: Fault, folder: Path, seconds: int) -> bool:
        """Whether a proof that the tests ask for, of the module that a fault is in, fails with it."""

    def digest(self) -> bytes:
        """Of the crossings, and of what they are compared with."""


@dataclass(frozen=True)
class Subject:
    """A design without memory, what its outputs should be, and the crossings of its co-verification.

    ``expected`` maps consecutive crossings (n, inputs) to outputs (n, outputs). ``blocks`` are independent:
    between two of them the pipeline runs empty. ``gaps``: share of idle clocks.
    """

    name: str
    project: RtlProject
    expected: Callable[[Block], NDArray[np.int64]]
    blocks: tuple[Block, ...]
    gaps: float = GAP_PROBABILITY
    feeds_back: bool = field(default=False, init=False)

    @property
    def crossings(self) -> int:
        return sum(map(len, self.blocks))

    def netlist(self, folder: Path) -> Netlist:
        return read_netlist(self.project, folder)

    def others(self) -> Sequence[Path]:
        return ()

    def bench(self, project: RtlProject, seed: int) -> Bench:
        return _PipelineBench(self, project, seed)

    def disproven(self, netlist: Netlist, fault: Fault, folder: Path, seconds: int) -> bool:
        return False

    def digest(self) -> bytes:
        state = hashlib.sha256(repr((self.name, self.gaps)).encode())
        for block in self.blocks:
            state.update(np.ascontiguousarray(block).tobytes())
        return state.digest()


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
    subject: Design,
    count: int,
    seed: int,
    *,
    copies: bool = True,
    prove: bool = True,
    seconds: int = 60,
    kept: Path | None = None,
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
    kept
        Folder of verdicts that were found before: those on the same faults of the same Verilog and crossings
        are not found anew, so that a campaign that was interrupted goes on.
    progress
        Called with the number of faults done since the last call.

    Raises
    ------
    InputError
        If the design without a fault already differs from what is expected, or a tool is missing.
    """
    tell = progress or (lambda done: None)
    with TemporaryDirectory(prefix="l1forge-faults-") as name:
        folder = Path(name)
        netlist = subject.netlist(folder)
        faults = choose(netlist, count, seed, copies)
        journal = Journal(kept, _key(subject, faults, seed), len(faults))
        left = [number for number in range(1, len(faults) + 1) if number not in journal.seen]
        tell(len(faults) - len(left))
        if left:
            _simulate(subject, netlist, faults, left, seed, journal, folder, tell)
        verdicts = []
        for number, fault in enumerate(faults, 1):
            caught, crossings = journal.seen[number]
            reason = ""
            if caught is None:
                reason = journal.reasons.get(number, "")
                if prove and not reason and subject.disproven(netlist, fault, folder, seconds):
                    caught, reason = PROOF, ""
                    journal.verdict(number, caught, crossings)
                elif prove and not reason:
                    reason = EQUIVALENT if _proven(subject, netlist, fault, folder, seconds) else UNPROVEN
                    journal.reason(number, reason)
            verdicts.append(Verdict(fault, fault.text(netlist), caught, crossings, reason or UNPROVEN))
    return Campaign(subject.name, subject.crossings, seed, tuple(verdicts))


def _proven(subject: Design, netlist: Netlist, fault: Fault, folder: Path, seconds: int) -> bool:
    if subject.feeds_back:
        return prove_step(netlist, fault, folder, seconds)
    return prove_equal(netlist, fault, subject.project.latency, folder, seconds)


def _key(subject: Design, faults: Sequence[Fault], seed: int) -> str:
    """Everything that the verdicts depend on."""
    state = hashlib.sha256(repr((seed, PIECES, faults)).encode() + subject.digest())
    for source in subject.project.sources:
        state.update(source.read_bytes())
    return state.hexdigest()[:16]


def _simulate(
    subject: Design,
    netlist: Netlist,
    faults: Sequence[Fault],
    left: Sequence[int],
    seed: int,
    journal: Journal,
    folder: Path,
    tell: Callable[[int], None],
) -> None:
    """Co-verify the design with each of the faults ``left``."""
    with_faults(netlist, faults).verilog(folder, "faulty")
    for source in subject.others():
        shutil.copy(source, folder)
    port = Port("fault", "fault", 0, f"ufixed<{SELECT_BITS},{SELECT_BITS}>")
    project = replace(
        subject.project,
        folder=folder,
        files=("faulty.v", *(source.name for source in subject.others())),
        inputs=(*subject.project.inputs, port),
        registers=(),
        core="",
    )
    bench = subject.bench(project, seed)
    without, _ = bench.caught(0)
    if without is not None:
        raise InputError(
            f"{subject.name} differs from what is expected without any fault ({without})",
            field="faults",
            remedy="mend this first: l1forge cosim",
        )
    for number in left:
        journal.verdict(number, *bench.caught(number))
        tell(1)


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


class _PipelineBench:
    """The simulation of a ``Subject``."""

    def __init__(self, subject: Subject, project: RtlProject, seed: int) -> None:
        self.simulation, self.gaps, self.seed = verilate(project), subject.gaps, seed
        self.pieces = [(piece, subject.expected(piece)) for piece in _pieces(subject.blocks)]

    def caught(self, number: int) -> tuple[str | None, int]:
        done = 0
        with closing(Harness(self.simulation, self.seed)) as bench:
            for piece, expected in self.pieces:
                rows = np.concatenate([piece, np.full((len(piece), 1), number, np.int64)], axis=1)
                got = bench.stream(rows, gaps=self.gaps)
                done += len(piece)
                if got.misplaced or got.results != len(piece):
                    return CLOCKS, done
                if not differences(expected, got.outputs).exact:
                    return VALUES, done
            return (RESET if bench.reset(rows[-1:]) else None), done
