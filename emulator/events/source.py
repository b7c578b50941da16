"""The front door: any event file, recognised by its content, as a stream of hardware integers."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.foreign import refuse_foreign
from l1forge.emulator.events.formats.format import Asked
from l1forge.emulator.events.formats.registry import known_formats, recognised
from l1forge.emulator.events.objects import WEIGHT

__all__ = ["EventSource", "open_events"]


def open_events(
    path: str | Path, bx: int = 0, emulated: bool | None = None, weighted: bool = False
) -> EventSource:
    """Recognise ``path`` by its first bytes and describe it; nothing but headers is read.

    ``bx``: which bunch crossing of a NanoAOD record to take (other formats have one). ``emulated``: its
    re-emulated objects (True), those that the trigger sent (False); None: the latter where there are both.
    ``weighted``: the caller counts events by their weight, or needs no counts.

    Raises
    ------
    InputError
        Not a file, empty, of no known format, or with weights that the caller does not use.

    Examples
    --------
    >>> import l1forge
    >>> source = l1forge.open_events(l1forge.sample("ttbar"))
    >>> block = next(iter(source.blocks(["mu.pt"], block_size=100)))
    >>> source.n, block["mu.pt"].shape
    (10000, (8, 100))
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder", file=path, remedy="name an event file")
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path, remedy="check the name") from error
    if not head:
        raise InputError("is empty", file=path, remedy="write or copy it again")
    if format_ := recognised(head):
        source = format_.open(path, head, Asked(bx, emulated))
        if WEIGHT in source.optional and not weighted:
            raise InputError(
                "holds weighted events, which must not be counted as plain crossings",
                file=path,
                field=WEIGHT,
                remedy="rates and efficiency of a menu use weights; elsewhere use a plain sample",
            )
        return source
    refuse_foreign(head, path)
    *listed, last = dict.fromkeys(format_.described for format_ in known_formats())
    raise InputError(
        "not a known event format",
        file=path,
        value=head[:12],
        remedy=f"{', '.join(listed)} or {last} file, see docs/formats.md",
    )
