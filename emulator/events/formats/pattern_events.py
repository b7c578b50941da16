"""Crossings as pattern files: every crossing is a packet of nine frames on the links of the link map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, choose_columns, rechunk
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.format import Asked, Format, WriteOptions
from l1forge.emulator.events.formats.link_map import COLUMN_NAMES, FRAMES, LINKS, from_frames, to_frames
from l1forge.emulator.events.formats.patterns import (
    CARRIED,
    CHUNK,
    END_OF_PACKET,
    START_OF_ORBIT,
    START_OF_PACKET,
    VALID,
    Frames,
    read_frames,
    sniff_pattern,
    write_frames,
)
from l1forge.emulator.events.objects import SPARE, Events
from l1forge.emulator.lhc import ORBIT

LABELS = tuple(f"{number:03d}" for number in range(len(LINKS)))


def write_pattern(path: str | Path, blocks: Iterable[Events], format_name: str) -> int:
    """Write crossings as ``empv1``, ``empv2`` or ``apx``, atomically; returns how many.

    Without a ``bx`` column the crossings are numbered from 0 modulo 3564. Nothing is written for an
    in-memory column that the events lack: it travels as zeros.

    Raises
    ------
    InputError
        If there are no crossings.
    """
    return write_frames(path, _frames(blocks, format_name), format_name) // FRAMES


def _frames(blocks: Iterable[Events], format_name: str) -> Iterator[Frames]:
    count = 0
    labels = LABELS if format_name != "apx" else tuple(f"LINK_{number:02d}" for number in range(len(LINKS)))
    for events in rechunk(blocks, CHUNK // FRAMES):
        bx = events["bx"] if "bx" in events else (np.arange(events.n)[None] + count) % ORBIT
        numbered = Events({**events, "bx": bx}, events.n)
        flags = np.full((events.n, FRAMES), VALID, np.uint8)
        flags[:, 0] |= START_OF_PACKET
        flags[:, -1] |= END_OF_PACKET
        flags[bx[0] == 0, 0] |= START_OF_ORBIT
        data = to_frames(numbered).reshape(len(LINKS), -1).T
        flat = np.repeat((flags & CARRIED[format_name]).reshape(-1, 1), len(LINKS), axis=1)
        count += events.n
        yield Frames(data, flat, labels)


def read_pattern(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
) -> Iterator[Events]:
    """Stream the crossings of a pattern file written for the link map.

    Frames that are not valid on any link are idle and passed over (a capture begins with the latency of the
    board). A last crossing that is cut off is dropped and counted in ``notes``.

    Raises
    ------
    InputError
        Wrong number of links, links that are not valid together, or a packet that is not nine frames.
    """
    notes = Counter() if notes is None else notes
    wanted = choose_columns(columns, COLUMN_NAMES if columns is None else (*COLUMN_NAMES, SPARE), path)
    yield from rechunk(_crossings(path, wanted, notes), block)


def _crossings(path: str | Path, wanted: tuple[str, ...], notes: Counter[str]) -> Iterator[Events]:
    kept: NDArray[np.uint64] = np.empty((0, len(LINKS)), np.uint64)
    seen, marked = 0, False
    for chunk in read_frames(path):
        if chunk.data.shape[1] != len(LINKS):
            raise InputError(
                f"{len(LINKS)} links expected",
                file=path,
                value=chunk.data.shape[1],
                remedy="the link map is in docs/formats.md",
            )
        valid = (chunk.flags & VALID).astype(bool)
        mixed = np.flatnonzero(valid.any(axis=1) != valid.all(axis=1))
        if mixed.size:
            raise InputError("links are not valid together", file=path, field=f"frame {seen + int(mixed[0])}")
        live = valid[:, 0]
        starts = (chunk.flags[live, 0] & START_OF_PACKET).astype(bool)
        marked |= bool(starts.any())
        phase = (kept.shape[0] + np.arange(starts.size)) % FRAMES
        wrong = np.flatnonzero(starts != (phase == 0)) if marked else np.empty(0, np.int64)
        if wrong.size:
            frame = seen + int(np.flatnonzero(live)[wrong[0]])
            raise InputError(f"packets are {FRAMES} frames long", file=path, field=f"frame {frame}")
        seen += len(live)
        kept = np.concatenate([kept, chunk.data[live]])
        whole = kept.shape[0] // FRAMES
        if whole:
            frames = kept[: whole * FRAMES].T.reshape(len(LINKS), whole, FRAMES)
            kept = kept[whole * FRAMES :]
            events = from_frames(frames)
            if SPARE not in wanted and (extra := int(np.count_nonzero(events[SPARE]))):
                notes["words with bits outside the known fields"] += extra
            yield Events({name: events[name] for name in wanted}, whole)
    if kept.shape[0]:
        notes["frames of a crossing that breaks off, dropped"] += kept.shape[0]


def _format(name: str, order: int, ending: str | None) -> Format:
    """One of the pattern formats; they differ in their text alone."""

    def recognise(head: bytes) -> bool:
        return sniff_pattern(head.decode("latin-1")) == name

    def opened(path: Path, head: bytes, asked: Asked) -> EventSource:
        notes: Counter[str] = Counter()
        return EventSource(
            path,
            name,
            f"{name} pattern file of this project's link map",
            COLUMN_NAMES,
            None,
            lambda columns, block: read_pattern(path, columns, block, notes),
            notes=notes,
            optional=(SPARE,),
        )

    def write(path: str | Path, blocks: Iterable[Events], options: WriteOptions) -> int:
        return write_pattern(path, blocks, name)

    return Format(name, "pattern", recognise, opened, order, write=write, ending=ending)


FORMATS = (_format("empv1", 50, None), _format("empv2", 51, ".emp"), _format("apx", 52, ".apx"))
