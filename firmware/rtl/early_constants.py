"""Constants added early: a bias after an adder tree would be one more carry chain on the longest path.

``(a + b) + 3`` becomes ``(a + 3) + b`` if ``a`` settles first, and so on down the tree. Sums in alkaid's
programs are exact (each result is as wide as its interval needs), so the values do not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l1forge.firmware.rtl.delay import ADD, ADD_CONSTANT, SUBTRACT, Arrival, arrival

if TYPE_CHECKING:
    from alkaid.types import CombLogic, QInterval

CARRY_CHAIN_NS = 1.0
"""What adding the constant costs about, wherever it stands."""


def constants_first(program: CombLogic) -> Any:
    """``program`` with every constant moved from behind a sum to the earliest operand of its tree."""
    from alkaid.types import QInterval

    ops = list(program.ops)
    uses = [0] * len(ops)
    for index in [i for op in ops for i in op.input_ids] + [i for i in program.out_idxs if i >= 0]:
        uses[index] += 1
    settled: list[Arrival] = []
    for op in ops:
        settled.append(arrival(op, [ops[i] for i in op.input_ids], [settled[i] for i in op.input_ids]))
    added: dict[int, Any] = {}  # constant additions to be put before the operation of this index
    replaced: dict[int, int] = {}  # an addition that became its own source
    for index, op in enumerate(program.ops):
        if op.opcode != ADD_CONSTANT or not _open(ops, uses, op.addr[0]):
            continue
        here, (value, fraction) = op.addr[0], op.data
        replaced[index] = here
        while True:
            root = ops[here]
            ops[here] = root._replace(qint=_moved(root.qint, value, fraction, QInterval))
            early = min((0, 1), key=lambda side: settled[root.addr[side]].latest)
            if early == 1:
                value, fraction = (-value if root.opcode == SUBTRACT else value), fraction + root.data[0]
            operand, other = root.addr[early], root.addr[1 - early]
            in_time = settled[operand].latest + CARRY_CHAIN_NS <= settled[other].latest
            if in_time or operand == other or not _open(ops, uses, operand):
                qint = _moved(ops[operand].qint, value, fraction, QInterval)
                added[here] = (early, op._replace(addr=(operand,), data=(value, fraction), qint=qint))
                break
            here = operand
    return _rebuilt(program, ops, added, replaced)


def _open(ops: list[Any], uses: list[int], index: int) -> bool:
    """Whether the operation is a sum of two that nothing else reads."""
    return ops[index].opcode in (ADD, SUBTRACT) and uses[index] == 1


def _moved(interval: QInterval, value: int, fraction: int, kind: type[QInterval]) -> Any:
    constant = value * 2.0**-fraction
    return kind(interval.min + constant, interval.max + constant, min(interval.step, 2.0**-fraction))


def _rebuilt(program: CombLogic, ops: list[Any], added: dict[int, Any], replaced: dict[int, int]) -> Any:
    place: dict[int, int] = {-1: -1}
    result: list[Any] = []
    for index, op in enumerate(ops):
        if index in replaced:
            place[index] = place[replaced[index]]
            continue
        addr = [place[i] for i in op.input_ids]
        if index in added:
            side, addition = added[index]
            result.append(addition._replace(addr=(place[addition.addr[0]],)))
            addr[side] = len(result) - 1
        place[index] = len(result)
        result.append(op._replace(addr=tuple(addr)))
    return program._replace(ops=result, out_idxs=[place[i] for i in program.out_idxs])
