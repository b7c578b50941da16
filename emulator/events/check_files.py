"""Event files looked at before hours of work: is there anything in them?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from l1forge.emulator.errors import InputError


def check_event_files(files: Iterable[Path] | None) -> None:
    """Demand that each of ``files`` is an event file that holds at least one crossing.

    Raises
    ------
    InputError
        A file is missing, of no known format or empty. What only reading tells is left to the reader.
    """
    from l1forge.emulator.events.source import open_events

    for file in files or ():
        if open_events(file).n == 0:
            raise InputError("holds no events", file=file, remedy="give a file with at least one crossing")
