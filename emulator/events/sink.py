"""Writing crossings in any of the formats, chosen by the name of the output file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import Layout, write_events
from l1forge.emulator.events.formats.pattern_events import write_pattern
from l1forge.emulator.events.formats.patterns import FORMATS as PATTERNS
from l1forge.emulator.events.formats.ugt_vectors import EARLY, FULL, write_test_vectors
from l1forge.emulator.events.objects import Events

FORMATS = {
    ".parquet": "parquet",
    ".txt": "test-vectors",
    ".emp": "empv2",
    ".apx": "apx",
}
"""File name ending -> format."""
NAMES = ("parquet", "test-vectors", *PATTERNS)


def format_of(path: str | Path, chosen: str | None = None) -> str:
    """The format to write; InputError if neither ``chosen`` nor the file name tells."""
    name = chosen or FORMATS.get(Path(path).suffix)
    if name not in NAMES:
        raise InputError(
            "cannot tell what format to write",
            file=path,
            value=chosen or Path(path).suffix,
            remedy=f"one of {', '.join(NAMES)}, or a name ending in {', '.join(FORMATS)}",
        )
    return name


def write_any(
    path: str | Path,
    blocks: Iterable[Events],
    format_name: str,
    metadata: dict[str, Any] | None = None,
    layout: Layout = "compact",
    columns: int = FULL,
) -> int:
    """Write ``blocks`` as ``format_name``, atomically; returns the number of crossings.

    ``metadata`` and ``layout`` are for parquet, ``columns`` (60 or 48) for test vectors.
    """
    if format_name == "parquet":
        return write_events(path, blocks, metadata, layout)
    if format_name in PATTERNS:
        return write_pattern(path, blocks, format_name)
    if columns not in (FULL, EARLY):
        raise InputError(f"{FULL} or {EARLY} columns", field="--columns", value=columns)
    return write_test_vectors(path, blocks, columns)
