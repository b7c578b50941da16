"""Fewer and narrower steps with the same integers: exact casts vanish, scales lose common powers of two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from l1forge.emulator.graph.fixed import Rounding
from l1forge.emulator.kernel.intervals import Cast, exact
from l1forge.emulator.kernel.liveness import drop_unread_rows
from l1forge.emulator.kernel.program import AnyStep, Binary, Dot, Index, Map, Program, Value

Origin = tuple[Map, int]
"""The Map and its row that made a row of a value."""


def simplify(program: Program) -> None:
    """Rewrite ``program`` in place."""
    origins: dict[int, dict[int, Origin]] = {}
    steps: list[AnyStep] = []
    for step in program.steps:
        for new in _merged(step, origins) if isinstance(step, Map) else [_rewired(step, origins)]:
            steps.append(new)
            if isinstance(new, Map):
                _normalise(new)
                rows = origins.setdefault(new.out.number, {})
                rows.update({int(out): (new, r) for r, out in enumerate(new.out_row)})
    program.steps = steps
    for name, value in program.outputs.items():
        copied = _copied_rows(value, origins, np.arange(value.rows))
        if (
            copied is not None
            and copied[0].rows == value.rows
            and np.array_equal(copied[1], np.arange(value.rows))
        ):
            made_here = copied[0].number not in {source.value.number for source in program.sources}
            program.outputs[name] = copied[0] if made_here else value
    _merge_equal_rows(program)
    drop_unread_rows(program)


def _merge_equal_rows(program: Program) -> None:
    """Rows of a Map that are computed alike are read from the first of them; the others are then unread."""
    for step in program.steps:
        readers = [reader for reader in program.steps if step.out in reader.inputs]
        if not isinstance(step, Map) or not all(isinstance(reader, Map | Binary) for reader in readers):
            continue
        first: dict[tuple[object, ...], int] = {}
        place = np.arange(step.out.rows)
        for r, out in enumerate(step.out_row):
            key = (int(step.source_row[r]), int(step.multiplier[r]), int(step.offset[r]), step.casts[r])
            place[out] = first.setdefault(key, int(out))
        if len(first) < len(step.out_row):
            for reader in readers:
                reader.source_renumbered(step.out, place)


def _normalise(step: Map) -> None:
    """Move left shifts into the multiplier and common powers of two out of it."""
    for r, cast in enumerate(step.casts):
        m, o = int(step.multiplier[r]), int(step.offset[r])
        shift = cast.shift
        if shift < 0:
            m, o, shift = m << -shift, o << -shift, 0
        common = m | o
        while shift and common and common & 1 == 0:
            m, o, shift, common = m >> 1, o >> 1, shift - 1, common >> 1
        rounding = cast.rounding if shift else Rounding.TRN
        step.multiplier[r], step.offset[r] = m, o
        step.casts[r] = replace(cast, shift=shift, rounding=rounding)
    step.before = step.source.interval.take(step.source_row).affine(step.multiplier, step.offset)


def _is_affine(origin: Origin) -> bool:
    """Whether the row is exactly ``x * multiplier + offset``."""
    step, r = origin
    return step.casts[r].is_copy and (not step.relu or step.before.low[r] >= 0)


def _merged(step: Map, origins: dict[int, dict[int, Origin]]) -> list[Map]:
    """``step`` reading past exact Maps, split by source."""
    rows = origins.get(step.source.number)
    if rows is None or not all(int(i) in rows and _is_affine(rows[int(i)]) for i in step.source_row):
        return [step]
    groups: dict[int, list[int]] = {}
    for r, i in enumerate(step.source_row):
        groups.setdefault(rows[int(i)][0].source.number, []).append(r)
    result = []
    for members in groups.values():
        made = [rows[int(step.source_row[r])] for r in members]
        source = made[0][0].source
        index = np.array([first.source_row[q] for first, q in made], np.int64)
        inner_m, inner_o = (
            exact([first.multiplier[q] for first, q in made]),
            exact([f.offset[q] for f, q in made]),
        )
        m = inner_m * step.multiplier[members]
        o = inner_o * step.multiplier[members] + step.offset[members]
        casts: list[Cast] = [step.casts[r] for r in members]
        before = source.interval.take(index).affine(m, o)
        result.append(
            Map(step.out, step.node, source, index, step.out_row[members], m, o, step.relu, casts, before)
        )
    return result


def _copied_rows(
    value: Value, origins: dict[int, dict[int, Origin]], index: Index
) -> tuple[Value, Index] | None:
    """The one value, and its rows, of which rows ``index`` of ``value`` are plain copies."""
    rows = origins.get(value.number)
    if rows is None or not len(index):
        return None
    made = [rows.get(int(i)) for i in index]
    sources = set()
    for origin in made:
        if origin is None or not _is_affine(origin):
            return None
        step, r = origin
        if step.multiplier[r] != 1 or step.offset[r] != 0:
            return None
        sources.add(step.source.number)
    if len(sources) != 1:
        return None
    known = [origin for origin in made if origin is not None]
    return known[0][0].source, np.array([step.source_row[r] for step, r in known], np.int64)


def _rewired(step: AnyStep, origins: dict[int, dict[int, Origin]]) -> AnyStep:
    """Sums and pairs read the source of a copy instead of the copy."""
    if isinstance(step, Dot):
        copied = _copied_rows(step.source, origins, step.row)
        if copied is not None:
            step.source, step.row = copied
    elif isinstance(step, Binary):
        same = step.a is step.b and np.array_equal(step.a_row, step.b_row)
        first = _copied_rows(step.a, origins, step.a_row)
        second = first if same else _copied_rows(step.b, origins, step.b_row)
        if first is not None:
            step.a, step.a_row = first
        if second is not None:
            step.b, step.b_row = second
    return step
