"""Damage to a file as transfers, editors and scripts do it: bytes, lines, elements and entries."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Random = np.random.Generator
Mutator = Callable[[bytes, Random], bytes]

NASTY: list[Any] = [
    *(None, True, 0, -1, 1, 255, 256, 65_535, 1 << 31, 1 << 40, 10**12, -(1 << 63), 10**30, 10**400),
    *(0.5, -0.0, 1e308, 1e-320, float("inf"), float("nan")),
    *("", " ", "nan", ".nan", ".inf", "1e999", "0x10", "é", "\u0000", "../../x", "a" * 5000, "9" * 5000),
    *([], {}, [[]], [0], {"data": []}, [[1, 2], [3]]),
]
"""Values that are seldom right."""


def bits(data: bytes, rng: Random) -> bytes:
    """One to eight bits flipped, half of the time near the beginning."""
    changed = bytearray(data)
    end = len(changed) if rng.random() < 0.5 else min(len(changed), 2000)
    for place in rng.integers(0, max(end, 1), int(rng.integers(1, 9))):
        if changed:
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def tail_bits(data: bytes, rng: Random) -> bytes:
    """Bits flipped in the last kilobyte, where binary formats keep their directory."""
    cut = max(0, len(data) - 1000)
    return data[:cut] + bits(data[cut:], rng)


def truncated(data: bytes, rng: Random) -> bytes:
    """Only the first part."""
    return data[: int(rng.integers(0, len(data) + 1))]


def _slice(data: bytes, rng: Random) -> tuple[int, int]:
    start = int(rng.integers(0, len(data) + 1))
    return start, min(len(data), start + int(2 ** (rng.random() * 12)))


def removed(data: bytes, rng: Random) -> bytes:
    """A piece is missing."""
    start, end = _slice(data, rng)
    return data[:start] + data[end:]


def duplicated(data: bytes, rng: Random) -> bytes:
    """A piece is there twice."""
    start, end = _slice(data, rng)
    return data[:end] + data[start:]


def filled(data: bytes, rng: Random) -> bytes:
    """A piece is overwritten with one byte."""
    start, end = _slice(data, rng)
    return data[:start] + bytes([int(rng.choice([0, 255, 32, 57, 0xC3]))]) * (end - start) + data[end:]


def lines(data: bytes, rng: Random) -> bytes:
    """A line is missing, twice there, swapped with another or indented."""
    rows = data.split(b"\n")
    i, j = (int(rng.integers(len(rows))) for _ in range(2))
    match int(rng.integers(4)):
        case 0:
            del rows[i]
        case 1:
            rows.insert(j, rows[i])
        case 2:
            rows[i], rows[j] = rows[j], rows[i]
        case _:
            rows[i] = b"  " + rows[i]
    return b"\n".join(rows)


def numbers(data: bytes, rng: Random) -> bytes:
    """A number or word is replaced by one that is seldom right."""
    found = list(re.finditer(rb"[-+]?\d[\d.eE+-]*|\b[A-Za-z_]+\b", data))
    if not found:
        return data
    place = found[int(rng.integers(len(found)))]
    value = NASTY[int(rng.integers(len(NASTY)))]
    return data[: place.start()] + str(value).encode() + data[place.end() :]


_ELEMENT = re.compile(rb"<([\w:.-]+)[^<>]*?(/>|>)")


def elements(data: bytes, rng: Random) -> bytes:
    """An XML element is missing, twice there, emptied, or moved; every tag is chosen equally often."""
    tags = sorted({match[1] for match in _ELEMENT.finditer(data)})
    if not tags:
        return data
    tag = tags[int(rng.integers(len(tags)))]
    opened = [match for match in _ELEMENT.finditer(data) if match[1] == tag]
    match = opened[int(rng.integers(len(opened)))]
    close = data.find(b"</" + tag + b">", match.end())
    end = match.end() if match[2] == b"/>" or close < 0 else close + len(tag) + 3
    whole = data[match.start() : end]
    rest = data[: match.start()] + data[end:]
    where = int(rng.integers(4))
    if where == 0:
        return rest
    if where == 1:
        return data[:end] + whole + data[end:]
    if where == 2:
        return data[: match.start()] + b"<" + tag + b"></" + tag + b">" + data[end:]
    other = list(_ELEMENT.finditer(rest))
    if not other:
        return rest
    place = other[int(rng.integers(len(other)))].start()
    return rest[:place] + whole + rest[place:]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(min(len(value), 40)):
            found.append((value, key))
            _places(value[key], found)
    return found


def entries(data: bytes, rng: Random) -> bytes:
    """A JSON entry is missing, twice there, exchanged with another or of another kind."""
    document = json.loads(data)
    for _ in range(int(rng.integers(1, 3))):
        places = _places(document, [])
        if not places:
            break
        holder, key = places[int(rng.integers(len(places)))]
        other, name = places[int(rng.integers(len(places)))]
        match int(rng.integers(5)):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case 1:
                holder[f"{key}2"] = copy.deepcopy(holder[key])
            case 2:
                holder[key] = copy.deepcopy(other[name])
            case _:
                holder[key] = NASTY[int(rng.integers(len(NASTY)))]
    return json.dumps(document).encode()


BYTES: tuple[Mutator, ...] = (bits, truncated, removed, duplicated, filled)
BINARY: tuple[Mutator, ...] = (*BYTES, tail_bits)
TEXT: tuple[Mutator, ...] = (*BYTES, lines, numbers, numbers)
XML: tuple[Mutator, ...] = (*TEXT, elements, elements)
JSON: tuple[Mutator, ...] = (*TEXT, entries, entries, entries)
