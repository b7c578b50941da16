"""Rows that nothing reads are not computed: neurons without readers, inputs whose weights are all zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.kernel.program import AnyStep, Mask, Program, Value


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
        if not step.makes_nothing:
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
    if step.narrow(wanted):
        for value, rows in step.reads(wanted):
            needed[value.number][rows] = True
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
            step.result_renumbered(rows, place)
        step.source_renumbered(value, place)
