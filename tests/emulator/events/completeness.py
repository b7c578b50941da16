"""What an event format needs to be whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from l1forge.emulator.events.formats.format import Format, WriteOptions
from l1forge.emulator.events.formats.registry import known_formats
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from tests.emulator.events.test_readers import nano_branches, particles, write_h5, write_root
from tests.emulator.graph.completeness import rows_of
from tests.l1forge.broken import random_events

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
CROSSINGS = 20
SAMPLES: dict[str, Callable[[Path], object]] = {
    "adc2021": lambda path: write_h5(path, particles(CROSSINGS)),
    "nanoaod": lambda path: write_root(path, nano_branches()),
}
"""How a test makes a file of a format that nothing else writes."""


def gaps(format_: Format, folder: Path) -> list[str]:
    """What ``format_`` still lacks."""
    return list(_gaps(format_, folder))


def _gaps(format_: Format, folder: Path) -> Iterator[str]:
    if format_.name not in rows_of(PAGE):
        yield "a row in docs/formats.md"
    if (format_.write is None) != bool(format_.read_only):
        yield "a writer, or the reason why there is none"
    path, events = folder / format_.name, random_events(CROSSINGS)
    if format_.write is not None:
        if format_.write(path, iter([events]), WriteOptions()) != CROSSINGS:
            yield "a writer that counts"
    elif format_.name in SAMPLES:
        SAMPLES[format_.name](path)
    else:
        yield "a sample in tests/emulator/events/completeness.py"
        return
    head = path.read_bytes()[: 1 << 16]
    takers = [other.name for other in known_formats() if other.recognise(head)]
    if takers != [format_.name]:
        yield f"to be recognised, and by nothing else: {takers}"
        return
    if format_.magic and not head.startswith(tuple(format_.magic)):
        yield "the first bytes that it says"
    read = Events.concatenate(list(open_events(path).blocks()))
    if not read.n or not any(read[name].any() for name in read):
        yield "a reader that finds its crossings"
    if format_.write is not None and any((read[name] != events[name]).any() for name in events):
        yield "a reader that gives back what was written"
