"""Quantities of a crossing: hardware integers that a few comparisons and AND gates compute.

A quantity is the largest of its terms. A term is one column of one slot, counted where its gate is open; a
gate is an AND of ORs of bits, and a bit is a small table of an isolation or quality code. The same
description gives the integers (``values``, for counting) and the circuit (``models.anomaly.circuit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events

EG_ISOLATED = (0, 1, 0, 1)
"""Bit 0 of the code."""
TAU_ISOLATED = (0, 1, 1, 1)
GOOD_QUALITY = (0,) * 12 + (1,) * 4
"""Single-muon quality: codes from 12."""
ISOLATED_SLOTS = 3
"""Slots among which the isolated e/gamma and taus are looked for."""
MUONS = 4
"""Slots among which the muon of good quality is looked for."""


@dataclass(frozen=True)
class Bit:
    """``table[code]`` of a column such as ``eg.iso[0]``."""

    source: str
    table: tuple[int, ...]


Gate = tuple[tuple[Bit, ...], ...]
"""Open where in every group at least one bit is set."""


@dataclass(frozen=True)
class Term:
    """The column ``source`` (``mu.pt[0]``) where ``gate`` is open, else 0."""

    source: str
    gate: Gate = ()


@dataclass(frozen=True)
class Quantity:
    """The largest of ``terms``; ``kind`` is the object, ``leading`` marks the first object of its kind.

    ``size``: codes of the tail table; larger values count as the last one.
    """

    name: str
    kind: str
    terms: tuple[Term, ...]
    size: int
    leading: bool = False


def _plain(kind: str, field: str, slot: int, leading: bool = False) -> Quantity:
    return Quantity(f"{kind}{slot}", kind, (Term(f"{kind}.{field}[{slot}]"),), 256, leading)


def _isolated(kind: str, table: tuple[int, ...]) -> tuple[Quantity, Quantity]:
    """The first and the second isolated object among the first slots (ordered by transverse energy)."""
    bits = [Bit(f"{kind}.iso[{i}]", table) for i in range(ISOLATED_SLOTS)]
    et = [f"{kind}.et[{i}]" for i in range(ISOLATED_SLOTS)]
    first = tuple(Term(et[i], ((bits[i],),)) for i in range(ISOLATED_SLOTS))
    second = (
        Term(et[1], ((bits[0],), (bits[1],))),
        Term(et[2], ((bits[0], bits[1]), (bits[2],))),
    )
    return (
        Quantity(f"{kind}_iso0", kind, first, 256, leading=True),
        Quantity(f"{kind}_iso1", kind, second, 256),
    )


def _good_muon() -> Quantity:
    terms = tuple(Term(f"mu.pt[{i}]", ((Bit(f"mu.qual[{i}]", GOOD_QUALITY),),)) for i in range(MUONS))
    return Quantity("mu_good", "mu", terms, 256, leading=True)


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("etm", "etm", (Term("etm.et[0]"),), 512, leading=True),
        _plain("mu", "pt", 0, leading=True),
        _plain("mu", "pt", 1),
        _plain("mu", "pt", 2),
        _good_muon(),
        *(_plain("eg", "et", slot) for slot in range(3)),
        *_isolated("eg", EG_ISOLATED),
        *_isolated("tau", TAU_ISOLATED),
    )
}
"""Name -> quantity."""


def sources(quantities: Iterable[Quantity]) -> list[str]:
    """The columns that ``quantities`` read, each once, in the order of the columns of an event file."""
    found: dict[str, None] = {}
    for quantity in quantities:
        for term in quantity.terms:
            found[term.source] = None
            for group in term.gate:
                found.update((bit.source, None) for bit in group)
    return list(found)


def columns(quantities: Iterable[Quantity]) -> list[str]:
    """The same without slots, as an event file names them."""
    return list(dict.fromkeys(source.partition("[")[0] for source in sources(quantities)))


def inputs(events: Events, names: Iterable[str]) -> dict[str, NDArray[np.int16]]:
    """The integers of columns and slots such as ``mu.pt[0]``, shape (n,) each."""
    return {name: _column(events, name).copy() for name in names}


def values(events: Events, quantities: Iterable[Quantity]) -> dict[str, NDArray[np.int16]]:
    """The integers of every quantity, by name, shape (n,) each."""
    chosen = list(quantities)
    integers = {source: _column(events, source) for source in sources(chosen)}
    return {quantity.name: _value(integers, quantity) for quantity in chosen}


def _column(events: Events, source: str) -> NDArray[np.int16]:
    name, _, slot = source.partition("[")
    column: NDArray[np.int16] = np.atleast_2d(events.column(name))[int(slot[:-1])]
    return column


def _value(integers: Mapping[str, NDArray[np.int16]], quantity: Quantity) -> NDArray[np.int16]:
    largest: NDArray[np.int16] | None = None
    for term in quantity.terms:
        value = integers[term.source]
        for group in term.gate:
            open_ = np.zeros(len(value), np.bool_)
            for bit in group:
                table = np.array(bit.table, np.bool_)
                open_ |= table[np.minimum(integers[bit.source], len(table) - 1)]
            value = np.where(open_, value, np.int16(0))
        largest = value if largest is None else np.maximum(largest, value)
    assert largest is not None
    return largest
