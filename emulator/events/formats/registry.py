"""The event formats that exist: each module of this package that has ``FORMATS`` adds its own."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from l1forge.emulator.events import formats
from l1forge.emulator.events.formats.format import Format


@cache
def known_formats() -> tuple[Format, ...]:
    """Every event format, in the order in which messages list them."""
    found: list[Format] = []
    for module in pkgutil.iter_modules(formats.__path__, f"{formats.__name__}."):
        if module.name != __name__:
            found += getattr(importlib.import_module(module.name), "FORMATS", ())
    return tuple(sorted(found, key=lambda format_: format_.order))


def recognised(head: bytes) -> Format | None:
    """The format of a file that begins with ``head`` (64 kB or the whole file), None if it is of none."""
    return next((format_ for format_ in known_formats() if format_.recognise(head)), None)


def writable() -> dict[str, Format]:
    """Formats that can be written, by name."""
    return {format_.name: format_ for format_ in known_formats() if format_.write}


def magics() -> dict[bytes, str]:
    """First bytes of the binary formats, and what a message calls such a file."""
    return {magic: kind for format_ in known_formats() for magic, kind in format_.magic.items()}
