"""Crossings in which a seed fired, with the objects of the crossing, for people to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, OBJECTS, SUMS, Events
from l1forge.emulator.rates.sampling import Sampler

LEADING = 3
"""Objects of a collection that are listed."""


@dataclass(frozen=True)
class Example:
    """A crossing: row ``row`` (from 0) of ``file``, its ``bx`` if the file has one, its leading objects."""

    file: str
    row: int
    bx: int | None
    objects: tuple[str, ...]


def first_examples(
    sampler: Sampler,
    sources: Mapping[str, EventSource],
    indices: NDArray[np.int64],
    most: int,
    limit: int,
    seen: Callable[[int], None] = lambda rows: None,
) -> list[list[Example]]:
    """The first ``most`` crossings in which each of ``indices`` (m,) fired, of the first ``limit`` rows.

    ``sources``: by the names that examples shall have.
    """
    found: list[list[Example]] = [[] for _ in indices]
    looked_at = 0
    for name, source in sources.items():
        row = source.first
        for events, recorded in sampler.blocks([source]):
            fired, words, _ = sampler.fired(events, recorded)
            for place, index in enumerate(indices):
                if len(found[place]) == most:
                    continue
                bit = words[index >> 6] >> np.uint64(index & 63) & np.uint64(1)
                for at in fired[np.flatnonzero(bit)[: most - len(found[place])]]:
                    bx = int(events["bx"][0, at]) if "bx" in events else None
                    found[place].append(Example(name, row + int(at), bx, objects_of(events, int(at))))
            row += events.n
            looked_at += events.n
            seen(events.n)
            if looked_at >= limit or all(len(rows) == most for rows in found):
                return found
    return found


def objects_of(events: Events, at: int) -> tuple[str, ...]:
    """The leading objects and the sums of crossing ``at``, as text in GeV and radians.

    Only columns that ``events`` holds are told: those that the menu reads.
    """
    lines = []
    for name in OBJECTS:
        transverse = f"{name}.{'pt' if name == 'mu' else 'et'}"
        if transverse not in events:
            continue
        values = events[transverse][:, at]
        for slot in np.flatnonzero(values)[:LEADING]:
            lines.append(_object(events, name, int(slot), at))
    for name in SUMS:
        if f"{name}.et" in events:
            lines.append(f"{name.upper()} {_physical(events, f'{name}.et', 0, at):g}")
    return tuple(lines)


def _object(events: Events, name: str, slot: int, at: int) -> str:
    transverse = "pt" if name == "mu" else "et"
    parts = [f"{name} {_physical(events, f'{name}.{transverse}', slot, at):g}"]
    for field, sign in (("eta", "η"), ("phi", "φ")):
        if f"{name}.{field}" in events:
            parts.append(f"{sign} {_physical(events, f'{name}.{field}', slot, at):.2f}")
    for field in ("qual", "iso"):
        has = any(f.name == field for f in COLLECTIONS[name].fields)
        if has and f"{name}.{field}" in events:
            parts.append(f"{field} {int(events[f'{name}.{field}'][slot, at])}")
    return " ".join(parts)


def _physical(events: Events, column: str, slot: int, at: int) -> float:
    code = int(events[column][slot, at])
    if column == "mu.pt":
        code -= 1  # the lower end of the bin that the code stands for
    return code * COLUMNS[column][1].lsb
