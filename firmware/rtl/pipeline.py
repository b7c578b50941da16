"""Where the pipeline registers stand: stages of equal delay instead of an equal number of operations.

Every operation goes into the earliest stage in which its bits settle within the clock period; that is the
least number of stages for a period, operations being whole. For a given number of stages the shortest period
is found by bisection. Then operations move to later stages where that saves registers.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from l1forge.firmware.rtl.delay import CONSTANT, LAUNCH_NS, READ, Arrival, arrival, launched

if TYPE_CHECKING:
    from alkaid.types import CombLogic, Op

RESOLUTION_NS = 0.01
MARGIN = 0.05
"""How much longer than estimated the longest path may be after synthesis (docs/rtl.md has the comparison)."""


@dataclass(frozen=True)
class Schedule:
    """The stage (from 1) of every operation, and the longest path of each stage, ns.

    There may be more stages than operations need: those behind the last operation hold registers only.
    """

    stage: tuple[int, ...]
    delays: tuple[float, ...]

    @property
    def stages(self) -> int:
        return len(self.delays)

    @property
    def busy(self) -> int:
        """Stages up to the last one with an operation in it; at least 1."""
        return max(self.stage, default=1)


def schedule(program: CombLogic, stages: int | None, period_ns: float) -> Schedule:
    """The most even cut into ``stages``; if not given, into the least number that meets ``period_ns``.

    An operation that takes longer than the period stands alone in its stage: look at ``delays``. Not given,
    the number of stages is then the least for the period that this operation allows.
    """
    given = stages is not None
    if stages is None:
        stages = _earliest(program, period_ns / (1 + MARGIN)).stages
    # one stage for everything: the upper end of the bisection, always feasible
    best = _earliest(program, float("inf"))
    low, high = LAUNCH_NS, max(best.delays)
    while high - low > RESOLUTION_NS:
        middle = (low + high) / 2
        found = _earliest(program, middle)
        if found.stages <= stages and max(found.delays) < high:
            high, best = max(found.delays), found  # the delay that was found, not the one tried: ends sooner
        else:
            low = middle
    return _fewer_registers(program, best, stages if given else best.stages)


def _earliest(program: CombLogic, period_ns: float) -> Schedule:
    """Each operation in the first stage where its bits settle in time, or behind a register of its own."""
    ops = program.ops
    stage: list[int] = []
    settled: list[Arrival] = []
    delays: list[float] = [LAUNCH_NS]
    for op in ops:
        sources = [ops[i] for i in op.input_ids]
        own = max((stage[i] for i in op.input_ids), default=1)
        times = _times(op, own, ops, stage, settled)
        result = arrival(op, sources, times)
        # a new stage helps only if some source settles late; an operation too slow alone stays where it is
        if result.latest > period_ns and max((t.latest for t in times), default=LAUNCH_NS) > LAUNCH_NS:
            own += 1
            result = arrival(op, sources, _times(op, own, ops, stage, settled))
        stage.append(own)
        settled.append(result)
        delays += [LAUNCH_NS] * (own - len(delays))
        delays[own - 1] = max(delays[own - 1], result.latest)
    return Schedule(tuple(stage), tuple(delays))


def _fewer_registers(program: CombLogic, plan: Schedule, stages: int) -> Schedule:
    """Operations moved to later stages where that saves register bits and makes no stage the longest.

    What moves on by a stage is an operation that nothing in its own stage needs, together with those before
    it that serve nothing else, as far back as fewer bits have to be kept: of a decision tree the
    comparisons stay, the multiplexers go.
    """
    ops, stage, limit = program.ops, list(plan.stage), max(plan.delays)
    users: list[list[int]] = [[] for _ in ops]
    for index, op in enumerate(ops):
        for source in set(op.input_ids):
            users[source].append(index)
    kept = set(program.out_idxs)
    bits = [0 if op.opcode == CONSTANT else len(launched(op).bits) for op in ops]

    def last_use(index: int) -> int:
        return stages + 1 if index in kept else max((stage[i] for i in users[index]), default=stage[index])

    def moved_and_kept(index: int, moving: set[int], keeping: set[int]) -> None:
        """Sources of ``index`` that move with it and those whose bits must be kept for it instead."""
        here = stage[index]
        for source in set(ops[index].input_ids):
            if last_use(source) > here or source in moving:
                continue
            free = stage[source] == here and all(stage[i] > here or i in moving for i in users[source])
            if free and ops[source].opcode not in (READ, CONSTANT):
                more, instead = {*moving, source}, set[int]()
                moved_and_kept(source, more, instead)
                if sum(bits[i] for i in instead - keeping) < bits[source]:
                    moving |= more
                    keeping |= instead
                    continue
            keeping.add(source)

    settled = _settled(program, stage)
    # from the outputs back: an operation can move only after all that use it have moved
    for index in reversed(range(len(ops))):
        while ops[index].opcode not in (READ, CONSTANT):
            here = stage[index]
            if here == stages or any(stage[i] == here for i in users[index]):
                break
            moving, keeping = {index}, set[int]()
            moved_and_kept(index, moving, keeping)
            if bits[index] <= sum(bits[i] for i in keeping):
                break
            for i in moving:
                stage[i] = here + 1
            changed = _propagated(program, stage, settled, users, moving)
            if max(a.latest for a in changed.values()) > limit:
                for i in moving:
                    stage[i] = here
                break
            settled |= changed
    delays = [LAUNCH_NS] * stages
    for place, value in zip(stage, settled.values(), strict=True):
        delays[place - 1] = max(delays[place - 1], value.latest)
    return Schedule(tuple(stage), tuple(delays))


def _settled(program: CombLogic, stage: list[int]) -> dict[int, Arrival]:
    result: list[Arrival] = []
    for index, op in enumerate(program.ops):
        sources = [program.ops[i] for i in op.input_ids]
        result.append(arrival(op, sources, _times(op, stage[index], program.ops, stage, result)))
    return dict(enumerate(result))


def _propagated(
    program: CombLogic, stage: list[int], settled: dict[int, Arrival], users: list[list[int]], moved: set[int]
) -> dict[int, Arrival]:
    """What settles anew in the stage to which ``moved`` were moved; operations are in order."""
    ops, changed, waiting = program.ops, dict[int, Arrival](), sorted(moved)
    while waiting:
        index = heapq.heappop(waiting)
        if index in changed:
            continue
        op = ops[index]
        times = [
            (changed.get(i) or settled[i]) if stage[i] == stage[index] else launched(ops[i])
            for i in op.input_ids
        ]
        changed[index] = arrival(op, [ops[i] for i in op.input_ids], times)
        for user in users[index]:
            if stage[user] == stage[index]:
                heapq.heappush(waiting, user)
    return changed


def _times(op: Op, own: int, ops: Sequence[Op], stage: list[int], settled: list[Arrival]) -> list[Arrival]:
    """When the sources of ``op`` settle if it stands in stage ``own``."""
    return [settled[i] if stage[i] == own else launched(ops[i]) for i in op.input_ids]


def with_stages(program: CombLogic, plan: Schedule) -> Any:
    """``program`` with each operation's stage as its latency, which is what alkaid cuts it by.

    alkaid divides the latency of the last operation by the number of stages it is asked for: that number must
    be ``plan.busy``.
    """
    ops = [op._replace(latency=float(stage)) for op, stage in zip(program.ops, plan.stage, strict=True)]
    assert plan.busy <= plan.stages
    return program._replace(ops=ops)
