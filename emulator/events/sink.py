"""Writing crossings in any of the formats, chosen by the name of the output file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.format import Layout, WriteOptions
from l1forge.emulator.events.formats.registry import writable
from l1forge.emulator.events.objects import Events


def format_of(path: str | Path, chosen: str | None = None) -> str:
    """The format to write; InputError if neither ``chosen`` nor the file name tells."""
    formats = writable()
    endings = {format_.ending: name for name, format_ in formats.items() if format_.ending}
    name = chosen or endings.get(Path(path).suffix)
    if name not in formats:
        raise InputError(
            "cannot tell what format to write",
            file=path,
            value=chosen or Path(path).suffix,
            remedy=f"one of {', '.join(formats)}, or a name ending in {', '.join(endings)}",
        )
    return name


def write_any(
    path: str | Path,
    blocks: Iterable[Events],
    format_name: str,
    metadata: dict[str, Any] | None = None,
    layout: Layout = "compact",
    columns: int | None = None,
) -> int:
    """Write ``blocks`` as ``format_name`` (see ``format_of``), atomically; returns the number of crossings.

    ``metadata`` and ``layout`` are for parquet, ``columns`` (60 or 48; None: 60) for test vectors.
    """
    write = writable()[format_name].write
    assert write is not None
    return write(path, blocks, WriteOptions(metadata, layout, columns))
