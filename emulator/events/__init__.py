"""Level-1 objects in memory and on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.events.event_source import EventSource
    from l1forge.emulator.events.formats.registry import known_formats
    from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, Events
    from l1forge.emulator.events.sink import format_of, write_any
    from l1forge.emulator.events.source import open_events

__all__ = [
    "COLLECTIONS",
    "COLUMNS",
    "EventSource",
    "Events",
    "format_of",
    "known_formats",
    "open_events",
    "write_any",
]

__getattr__ = lazily(
    __name__,
    {
        "COLLECTIONS": "objects",
        "COLUMNS": "objects",
        "EventSource": "event_source",
        "Events": "objects",
        "format_of": "sink",
        "known_formats": "formats.registry",
        "open_events": "source",
        "write_any": "sink",
    },
)
