"""What a module says of the event format that it reads and, where somebody needs that, writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import Events

Layout = Literal["compact", "packed", "dense"]
"""Of our parquet files: for keeping, or for speed."""


@dataclass(frozen=True)
class Asked:
    """What a caller asks of a file that holds more than one answer; formats with one answer pass over it.

    ``bx``: bunch crossing of a record. ``emulated``: re-emulated objects (True), those that the trigger sent
    (False), the latter where there are both (None).
    """

    bx: int = 0
    emulated: bool | None = None


@dataclass(frozen=True)
class WriteOptions:
    """``metadata`` (JSON) and ``layout`` are for parquet, ``columns`` (60, 48, None: 60) for test vectors."""

    metadata: dict[str, Any] | None = None
    layout: Layout = "compact"
    columns: int | None = None


Recogniser = Callable[[bytes], bool]
Opener = Callable[[Path, bytes, Asked], EventSource]
Writer = Callable[[str | Path, Iterable[Events], WriteOptions], int]


@dataclass(frozen=True)
class Format:
    """One event format. Its module lists it in ``FORMATS``; the registry finds it there.

    ``recognise`` gets the first 64 kB of a file and decides on them alone: no two formats may take the same
    file. ``open`` describes the file, from its headers only. ``write`` writes crossings atomically and
    returns how many.
    """

    name: str
    """What ``--to`` of the commands calls it; ``EventSource.format`` may read better."""
    described: str
    """What a message that lists the known formats calls it."""
    recognise: Recogniser
    open: Opener
    order: int
    """Place in such lists."""
    magic: Mapping[bytes, str] = field(default_factory=dict)
    """First bytes of a binary format, and what files of that kind are called."""
    write: Writer | None = None
    ending: str | None = None
    """File name ending that stands for it where files are written."""
    read_only: str = ""
    """Why nothing writes it."""
