"""Rows that nothing reads are not computed: neurons without readers, inputs whose weights are all zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.kernel.intervals import Interval
from l1forge.emulator.kernel.program import AnyStep, Binary, Dot, Index, Map, Program, Value

Mask = NDArray[np.bool_]


def drop_unread_rows(program: Program) -> None:
    """Remove, in place, steps and rows that do not reach an output."""
    needed: dict[int, Mask] = {value.number: np.zeros(value.rows, bool) for value in program.values}
    for value in program.outputs.values():
        needed[value.number][:] = True
    kept: list[AnyStep] = []
    for step in reversed(program.steps):
        if not needed[step.out.number].any() and step.out.rows:
            continue
        _mark(step, needed)
        if not (isinstance(step, Map) and not step.casts):
            kept.append(step)
    program.steps = kept[::-1]
    fixed = {source.value.number for source in program.sources}
    for value in program.values:
        mask = needed[value.number]
        if value.number not in fixed and mask.any() and not mask.all():
            _compact(program, value, mask)


def _mark(step: AnyStep, needed: dict[int, Mask]) -> None:
    """Drop the rows of ``step`` that are not needed; mark what the others read."""
    wanted = needed[step.out.number]
    if isinstance(step, Map):
        keep = np.flatnonzero(wanted[step.out_row])
        step.source_row, step.out_row = step.source_row[keep], step.out_row[keep]
        step.multiplier, step.offset = step.multiplier[keep], step.offset[keep]
        step.casts = [step.casts[r] for r in keep]
        step.before = step.before.take(keep)
        needed[step.source.number][step.source_row] = True
    elif isinstance(step, Dot):
        keep = np.flatnonzero(wanted[step.target]) if len(step.target) else np.zeros(0, np.int64)
        step.row, step.target, step.weight = step.row[keep], step.target[keep], step.weight[keep]
        needed[step.source.number][step.row] = True
    elif isinstance(step, Binary):
        needed[step.a.number][step.a_row[wanted]] = True
        needed[step.b.number][step.b_row[wanted]] = True
    else:
        wanted[:] = True
        for value in step.inputs:
            needed[value.number][:] = True


def _compact(program: Program, value: Value, mask: Mask) -> None:
    """Remove the rows of ``value`` outside ``mask`` and renumber them everywhere."""
    rows = np.flatnonzero(mask)
    place: NDArray[Any] = np.cumsum(mask) - 1
    value.interval = value.interval.take(rows)
    for step in program.steps:
        if step.out is value:
            _renumber_result(step, rows, place)
        if isinstance(step, Map) and step.source is value:
            step.source_row = place[step.source_row]
        elif isinstance(step, Dot) and step.source is value:
            step.row = place[step.row]
        elif isinstance(step, Binary):
            if step.a is value:
                step.a_row = place[step.a_row]
            if step.b is value:
                step.b_row = place[step.b_row]


def _renumber_result(step: AnyStep, rows: Index, place: Index) -> None:
    if isinstance(step, Map):
        step.out_row = place[step.out_row]
    elif isinstance(step, Dot):
        step.target, step.start = place[step.target], step.start[rows]
        step.partial = Interval(step.partial.low[rows], step.partial.high[rows])
    elif isinstance(step, Binary):
        step.a_row, step.b_row = step.a_row[rows], step.b_row[rows]
