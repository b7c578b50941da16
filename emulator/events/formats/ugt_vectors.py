"""Global-trigger test vectors: one crossing a line, hexadecimal words (layout: docs/formats.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, choose_columns, rechunk
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.foreign import BOM, refuse_foreign
from l1forge.emulator.events.formats.format import Asked, Format, WriteOptions
from l1forge.emulator.events.formats.hex_rows import format_rows, parse_rows
from l1forge.emulator.events.formats.object_words import pack, spare_rows, unassigned_bits, unpack
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, SPARE, SPARE_WORDS, SUMS, Events, layout_of
from l1forge.emulator.lhc import ORBIT

MINIMUM_ROWS = 10
"""The shortest official vectors; anything shorter is a cut-off copy."""

NEWLINE = b"\n"
PIECE = 1 << 22
"""Bytes read at once: about 5000 rows."""

COMMENT = re.compile(rb"^[ \t]*(?:#|//|--)[^\n]*", re.MULTILINE)
"""A line that is no row. Official files have none, but people and other programs add some."""

FULL, EARLY = 60, 48
"""Columns since the 2016 energy sums, and before."""


@dataclass(frozen=True)
class Group:
    """``count`` neighbouring columns of ``digits`` hexadecimal digits each, starting at column ``first``."""

    name: str
    count: int
    digits: int
    first: int

    @property
    def words(self) -> int:
        """64-bit words that one column needs."""
        return -(-self.digits // 16)


def groups(columns: int) -> tuple[Group, ...]:
    """The column groups of a row after its BX number, in file order."""
    sums = SUMS if columns == FULL else SUMS[:4]
    sizes = [("mu", 8, 16), ("eg", 12, 8), ("tau", 12 if columns == FULL else 8, 8), ("jet", 12, 8)]
    sizes += [(name, 1, 8) for name in sums]
    if columns == FULL:
        sizes.append(("link", 6, 8))
    sizes += [("ext", 1, 64), ("algo", 1, 128), ("finor", 1, 1)]
    result, first = [], 1
    for name, count, digits in sizes:
        result.append(Group(name, count, digits, first))
        first += count
    return tuple(result)


def column_names(columns: int) -> tuple[str, ...]:
    """In-memory columns that a row of so many columns fills."""
    present = {group.name for group in groups(columns)}
    fields = [name for name in COLUMNS if name.partition(".")[0] in present]
    return tuple([*fields, "bx", *(n for n in ("link", "ext", "algo", "finor") if n in present)])


def _digit_counts(columns: int) -> NDArray[np.int64]:
    return np.array([4] + [g.digits for g in groups(columns) for _ in range(g.count)], np.int64)


def sniff_columns(first_line: bytes) -> int:
    """Columns of a test-vector row, or 0 if the line is not one."""
    tokens = first_line.split()
    number = tokens[0] if tokens else b""
    looks = len(tokens) > 1 and len(number) == 4 and number.isdigit() and len(tokens[1]) == 16
    return len(tokens) if looks else 0


def first_row(head: bytes) -> tuple[int, bytes]:
    """Number of the first line that is neither empty nor a comment, from 1, and that line."""
    lines = COMMENT.sub(b"", head.removeprefix(BOM)).split(b"\n")
    return next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), (1, b""))


def read_test_vectors(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
) -> Iterator[Events]:
    """Stream a test-vector file. Rows must be whole and their BX numbers consecutive, from 0, modulo 3564.

    Files of several orbits are read to the end; a single, partial orbit needs at least 10 rows. Words with
    bits that no field holds are counted in ``notes``, or kept as the column ``spare`` if ``columns`` has it.
    A byte-order mark and lines that begin with ``#``, ``//`` or ``--`` are passed over, the latter counted.

    Raises
    ------
    InputError
        With line and column of the first character that does not fit, or what else the file is.
    """
    with _opened(path) as stream:
        rows = 0
        for events in rechunk(parse_stream(stream, path, columns, block, notes), block):
            rows += events.n
            if events.n < block and rows < MINIMUM_ROWS:
                raise InputError(
                    f"only {rows} crossings",
                    file=path,
                    remedy=f"a test vector is one orbit of {ORBIT} rows; copy the file again",
                )
            yield events
        if rows == 0:
            raise InputError("no crossings", file=path, remedy=f"one orbit of {ORBIT} rows is expected")


def _opened(path: str | Path) -> BufferedReader:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path, remedy="check the name") from error


def parse_stream(
    stream: BufferedIOBase,
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
    keep_whole_rows: bool = False,
) -> Iterator[Events]:
    """Rows of an open stream as they come, at most ``block`` at once.

    With ``keep_whole_rows`` a last row that was broken off is dropped and counted in ``notes``.
    """
    notes = Counter() if notes is None else notes
    pending, started = b"", False
    wanted: tuple[str, ...] = ()
    layout, digits, line, expected = 0, np.empty(0, np.int64), 1, 0
    while True:
        piece = stream.read1(PIECE)
        if not started and piece:
            refuse_foreign(piece, path, only_text=True)
            piece, started = piece.removeprefix(BOM) or NEWLINE, True
        text = pending + piece
        if piece:
            cut = text.rfind(b"\n") + 1
            text, pending = text[:cut], text[cut:]
        elif keep_whole_rows and text:
            notes["rows broken off, dropped"] += 1
            text = b""
        text = _without_comments(text, notes)
        if text.strip():
            if layout == 0:
                layout = _layout(text, path, line)
                offered = column_names(layout)
                wanted = choose_columns(columns, offered if columns is None else (*offered, SPARE), path)
                digits = _digit_counts(layout)
            words = _parse_rows(text, digits, layout, path, line)
            _check_bx(words[0], expected, path, text, line)
            for start in range(0, words.shape[1], block):
                yield _to_events(words[:, start : start + block], layout, wanted, notes)
            expected = (expected + words.shape[1]) % ORBIT
        line += text.count(b"\n")
        if not piece:
            return


def _without_comments(text: bytes, notes: Counter[str]) -> bytes:
    """Comment lines made empty, so that line numbers stay."""
    if not any(mark in text for mark in (b"#", b"//", b"--")):
        return text
    text, count = COMMENT.subn(b"", text)
    if count:
        notes["comment lines, passed over"] += count
    return text


def _layout(text: bytes, path: str | Path, line: int) -> int:
    number, row = first_row(text)
    layout = sniff_columns(row)
    if layout in (FULL, EARLY):
        return layout
    field = f"line {line + number - 1}"
    if layout:
        raise InputError(f"a row needs {FULL} or {EARLY} columns", file=path, field=field, value=layout)
    raise InputError(
        "not a test-vector row",
        file=path,
        field=field,
        value=row.strip()[:40].decode("latin-1"),
        remedy="a row begins with the BX number, 4 decimal digits, and 16 hexadecimal digits of a muon",
    )


def _parse_rows(
    text: bytes, digits: NDArray[np.int64], layout: int, path: str | Path, line: int
) -> NDArray[np.uint64]:
    counts = (digits + 15) // 16
    words = np.zeros((int(counts.sum()), text.count(b"\n") + 1), np.uint64)
    rows, problem, offset, column = parse_rows(np.frombuffer(text, np.uint8), digits, words)
    if not problem:
        return words[:, :rows]
    line += text.count(b"\n", 0, offset)
    place = f"line {line} column {offset - text.rfind(NEWLINE, 0, offset)}"
    name = "BX"
    for group in groups(layout):
        if column >= group.first:
            name = f"{group.name} {column - group.first}"
    token = (text[offset : offset + 140].split() or [b""])[0].decode("latin-1")
    field = f"{place}, {name}"
    if problem == 1:
        kind = "decimal" if column == 0 else "hexadecimal"
        raise InputError(f"not a {kind} digit", file=path, field=field, value=token[:1])
    if problem == 2:
        raise InputError(
            f"{len(token)} digits where {digits[column]} belong", file=path, field=field, value=token[:20]
        )
    found = "fewer" if problem == 3 else "more"
    raise InputError(
        f"{found} than {layout} columns in the row", file=path, field=place, remedy="copy the file again"
    )


def _lines_of_rows(text: bytes) -> list[int]:
    """For each row, how many lines come before it: empty ones are no rows."""
    return [number for number, row in enumerate(text.split(b"\n")) if row.strip()]


def _check_bx(bx: NDArray[np.uint64], expected: int, path: str | Path, text: bytes, line: int) -> None:
    right = (np.arange(bx.size, dtype=np.uint64) + np.uint64(expected)) % np.uint64(ORBIT)
    wrong = np.flatnonzero(bx != right)
    if wrong.size:
        i = int(wrong[0])
        raise InputError(
            f"BX number {int(right[i])} expected",
            file=path,
            field=f"line {line + _lines_of_rows(text)[i]} column 1",
            value=int(bx[i]),
            remedy="rows are consecutive crossings from 0, one orbit after the other",
        )


def _to_events(
    words: NDArray[np.uint64], layout: int, wanted: tuple[str, ...], notes: Counter[str]
) -> Events:
    n = words.shape[1]
    columns: dict[str, NDArray[np.generic]] = {}
    if "bx" in wanted:
        columns["bx"] = words[:1].astype(np.int16)
    spare = np.zeros((layout_of(SPARE)[0] if SPARE in wanted else 0, n), np.uint32)
    if SPARE in wanted:
        columns[SPARE] = spare
    row = 1
    for group in groups(layout):
        size = group.count * group.words
        part = words[row : row + size]
        row += size
        if group.name in COLLECTIONS:
            collection = COLLECTIONS[group.name]
            left = part & np.uint64(unassigned_bits(collection))
            if SPARE in wanted and group.name in SPARE_WORDS:
                spare[spare_rows(group.name)][: group.count] = left
            elif extra := int(np.count_nonzero(left)):
                notes[f"{group.name} words with bits outside the known fields"] += extra
            if any(name.startswith(f"{group.name}.") for name in wanted):
                full = np.zeros((collection.slots, n), np.uint64)
                full[:size] = part
                columns.update({k: v for k, v in unpack(full, group.name).items() if k in wanted})
        elif group.name in wanted:
            columns[group.name] = part.astype(
                {"link": np.uint32, "finor": np.uint8}.get(group.name, np.uint64)
            )
    return Events({name: columns[name] for name in wanted}, n)


def write_test_vectors(path: str | Path, blocks: Iterable[Events], columns: int = FULL) -> int:
    """Write crossings as a test vector, atomically; returns how many.

    The BX number is the events' own or, without one, counts up from 0 modulo 3564. Columns that the events
    do not have are written as zeros.

    Raises
    ------
    InputError
        If ``columns`` is 48 and the events use what it cannot hold.
    """
    digits = _digit_counts(columns)
    written = 0
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        for events in blocks:
            words = _from_events(events, columns, written, path)
            text = np.empty((events.n, int(digits.sum()) + digits.size), np.uint8)
            format_rows(words, digits, text)
            out.write(text.data)
            written += events.n
        if not written:
            raise InputError("there are no crossings to write", file=path)
    return written


def _from_events(events: Events, columns: int, done: int, path: str | Path) -> NDArray[np.uint64]:
    parts: list[NDArray[Any]] = []
    bx = events["bx"] if "bx" in events else (done + np.arange(events.n)[None]) % ORBIT
    parts.append(bx.astype(np.uint64))
    for group in groups(columns):
        if group.name in COLLECTIONS:
            words = pack(events, group.name)
            if np.any(words[group.count :]):
                raise InputError(
                    f"more than {group.count} {group.name} in a crossing",
                    file=path,
                    remedy="write 60 columns",
                )
            parts.append(words[: group.count])
        else:
            parts.append(events.column(group.name).astype(np.uint64))
    lost = [
        name
        for name in (*SUMS, "link")
        if name not in {g.name for g in groups(columns)}
        and (np.any(events.column("link")) if name == "link" else np.any(pack(events, name)))
    ]
    if lost:
        raise InputError(f"{columns} columns cannot hold {', '.join(lost)}", file=path, remedy="write 60")
    return np.concatenate(parts)


def _open(path: Path, head: bytes, asked: Asked) -> EventSource:
    line, row = first_row(head)
    columns = sniff_columns(row)
    if columns not in (FULL, EARLY):
        raise InputError(
            f"a test-vector row needs {FULL} or {EARLY} columns",
            file=path,
            field=f"line {line}",
            value=columns,
        )
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "test vectors",
        f"global-trigger test vectors, {columns} columns",
        column_names(columns),
        None,
        lambda wanted, block: read_test_vectors(path, wanted, block, notes),
        notes=notes,
        optional=(SPARE,),
        row_columns=columns,
    )


def _write(path: str | Path, blocks: Iterable[Events], options: WriteOptions) -> int:
    columns = FULL if options.columns is None else options.columns
    if columns not in (FULL, EARLY):
        raise InputError(f"{FULL} or {EARLY} columns", field="--columns", value=columns)
    return write_test_vectors(path, blocks, columns)


FORMATS = (
    Format(
        name="test-vectors",
        described="test vector",
        recognise=lambda head: sniff_columns(first_row(head)[1]) > 0,
        open=_open,
        order=40,
        write=_write,
        ending=".txt",
    ),
)
