"""Pattern files that drive and capture board links: EMP version 1 and 2, and APx, as frames.

One text line is one clock of the link: a 64-bit word and its control bits for each link.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError

CHUNK = 16384
"""Frames in memory at a time."""

VALID, START_OF_PACKET, START_OF_ORBIT, END_OF_PACKET, STROBE_OFF = 1, 2, 4, 8, 16
"""Bits of ``Frames.flags``; 1, 2 and 8 are where the APx side band has them."""

CARRIED = {
    "empv1": VALID | STROBE_OFF,
    "empv2": VALID | START_OF_ORBIT | START_OF_PACKET | END_OF_PACKET | STROBE_OFF,
    "apx": VALID | START_OF_PACKET | START_OF_ORBIT | END_OF_PACKET,
}
"""Control bits that a format can hold."""


@dataclass(frozen=True)
class Frames:
    """``data`` uint64 and ``flags`` uint8, both (frames, links); one label per link."""

    data: NDArray[np.uint64]
    flags: NDArray[np.uint8]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Syntax:
    header: Callable[[tuple[str, ...]], str]
    row: Callable[[int, list[int], list[int]], str]
    token: re.Pattern[str]
    """One link's token: groups ``flags`` and ``word``."""
    prefix: re.Pattern[str]
    """What starts a data line; group ``number``."""
    base: int
    """Of the frame number."""


def _empv1_header(labels: tuple[str, ...]) -> str:
    channels = " ".join(f"{f'q{i // 4:02d}c{i % 4}':>18s}" for i in range(len(labels)))
    links = " ".join(f"{label:>18s}" for label in labels)
    return f"Board l1forge\n Quad/Chan : {channels}\n      Link : {links}\n"


def _empv1_row(number: int, data: list[int], flags: list[int]) -> str:
    words = [
        f"{'0s' if f & STROBE_OFF else ''}{f & VALID}v{d:016x}" for d, f in zip(data, flags, strict=True)
    ]
    return f"Frame {number:04d} : {' '.join(words)}\n"


def _empv2_header(labels: tuple[str, ...]) -> str:
    links = "".join(f"{label:>24s}" for label in labels)
    meaning = "(strobe,) start of orbit, start of packet, end of packet, valid"
    return f"ID: l1forge\nMetadata: {meaning}\n\n      Link  {links}\n"


def _empv2_row(number: int, data: list[int], flags: list[int]) -> str:
    words = []
    for word, flag in zip(data, flags, strict=True):
        order = (START_OF_ORBIT, START_OF_PACKET, END_OF_PACKET, VALID)
        bits = "".join("1" if flag & bit else "0" for bit in order)
        words.append(f"{'0' if flag & STROBE_OFF else ''}{bits} {word:016x}")
    return f"Frame {number:04d}    {'    '.join(words)}\n"


def _apx_header(labels: tuple[str, ...]) -> str:
    links = "".join(f"{label:>27s}" for label in labels)
    return f"#Sideband ON\n#LinkLabel{links}\n#BeginData\n"


def _apx_row(number: int, data: list[int], flags: list[int]) -> str:
    words = [f"0x{flag & 0xF:02x} 0x{word:016x}" for word, flag in zip(data, flags, strict=True)]
    return f"0x{number:04x}    {'    '.join(words)}\n"


_WORD = r"(?P<word>[0-9a-fA-F]{16})"
_EMP_FRAME = re.compile(r"\s*Frame\s+(?P<number>\d+)\s*:?\s+")
SYNTAX = {
    "empv1": _Syntax(
        _empv1_header, _empv1_row, re.compile(rf"(?P<flags>(?:[01]s)?[01]v){_WORD}(?:\s+|$)"), _EMP_FRAME, 10
    ),
    "empv2": _Syntax(
        _empv2_header, _empv2_row, re.compile(rf"(?P<flags>[01]{{4,5}})\s+{_WORD}(?:\s+|$)"), _EMP_FRAME, 10
    ),
    "apx": _Syntax(
        _apx_header,
        _apx_row,
        re.compile(rf"(?P<flags>0x[0-9a-fA-F]{{2}})\s+0x{_WORD}(?:\s+|$)"),
        re.compile(r"\s*0x(?P<number>[0-9a-fA-F]+)\s+"),
        16,
    ),
}


def _flags(text: str, format_name: str) -> int:
    if format_name == "apx":
        return int(text, 16)
    if format_name == "empv1":
        return (STROBE_OFF if text.startswith("0s") else 0) | (VALID if text[-2] == "1" else 0)
    flags = STROBE_OFF if len(text) == 5 and text[0] == "0" else 0
    for bit, flag in zip(text[-4:], (START_OF_ORBIT, START_OF_PACKET, END_OF_PACKET, VALID), strict=True):
        flags |= flag if bit == "1" else 0
    return flags


def sniff_pattern(head: str) -> str | None:
    """The format of a file that begins like this, or None."""
    for line in head.splitlines():
        if line.startswith("Board "):
            return "empv1"
        if line.startswith("ID:"):
            return "empv2"
        if line.startswith("#Sideband"):
            return "apx"
        if line.strip():
            return None
    return None


def write_frames(path: str | Path, chunks: Iterable[Frames], format_name: str) -> int:
    """Write frames as they come, atomically; returns how many.

    Raises
    ------
    InputError
        If a frame has a control bit that the format has no place for, or there are no frames.
    """
    syntax, number = SYNTAX[format_name], 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as out:
        for chunk in chunks:
            if number == 0:
                out.write(syntax.header(chunk.labels))
            lost = int(np.bitwise_or.reduce(chunk.flags, axis=None)) & ~CARRIED[format_name]
            if lost:
                raise InputError(f"{format_name} cannot hold control bits", file=path, value=hex(lost))
            for data, flags in zip(chunk.data.tolist(), chunk.flags.tolist(), strict=True):
                out.write(syntax.row(number, data, flags))
                number += 1
        if number == 0:
            raise InputError("there are no frames to write", file=path)
    return number


def read_frames(path: str | Path) -> Iterator[Frames]:
    """Stream the frames of a pattern file, its format recognised by its first line.

    Raises
    ------
    InputError
        Naming the line of the first header, frame number or word that does not fit.
    """
    with Path(path).open(encoding="ascii", errors="replace") as file:
        first = file.readline()
        format_name = sniff_pattern(first)
        if format_name is None:
            raise InputError("not a pattern file", file=path, remedy="EMPv1, EMPv2 or APx expected")
        if format_name == "apx" and "ON" not in first.split():
            raise InputError("has no side band", file=path, field="line 1", remedy="#Sideband ON is expected")
        labels, line = _read_header(file, format_name, path)
        expected = 0
        while rows := list(islice(file, CHUNK)):
            chunk = _parse(rows, line, expected, format_name, labels, path)
            if len(chunk.data):
                yield chunk
            line += len(rows)
            expected += len(chunk.data)
        if expected == 0:
            raise InputError("no frames", file=path, remedy="it may be truncated; copy it again")


def _read_header(file: TextIO, format_name: str, path: str | Path) -> tuple[tuple[str, ...], int]:
    """Link labels, and the number of the first data line."""
    labels: tuple[str, ...] = ()
    line = 1
    for text in file:
        line += 1
        words = text.replace(":", " ").split()
        if words[:1] in (["Link"], ["#LinkLabel"]):
            labels = tuple(words[1:])
        if format_name == "apx":
            if words[:1] == ["#BeginData"]:
                break
        elif labels:
            break
    if not labels:
        raise InputError("the header names no links", file=path, remedy="it may be truncated")
    return labels, line + 1


def _parse(
    rows: list[str], line: int, expected: int, format_name: str, labels: tuple[str, ...], path: str | Path
) -> Frames:
    syntax, frame = SYNTAX[format_name], expected
    data: list[int] = []
    flags: list[int] = []
    for offset, row in enumerate(rows):
        if not row.strip():
            continue
        start = syntax.prefix.match(row)
        if start is None or int(start["number"], syntax.base) != frame:
            raise InputError(
                f"frame {frame} expected", file=path, field=f"line {line + offset}", value=row.strip()[:12]
            )
        position = start.end()
        for label in labels:
            token = syntax.token.match(row, position)
            if token is None:
                raise InputError(
                    f"link {label}: control bits and 16 hexadecimal digits expected",
                    file=path,
                    field=f"line {line + offset} column {position + 1}",
                    value=row[position : position + 24].strip(),
                )
            data.append(int(token["word"], 16))
            flags.append(_flags(token["flags"], format_name))
            position = token.end()
        if row[position:].strip():
            raise InputError(
                f"more words than the {len(labels)} links of the header",
                file=path,
                field=f"line {line + offset} column {position + 1}",
            )
        frame += 1
    shape = (-1, len(labels))
    return Frames(np.array(data, np.uint64).reshape(shape), np.array(flags, np.uint8).reshape(shape), labels)
