"""Output files that exist whole or not at all: write under a temporary name, then rename."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.errors import InputError


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` only if the block succeeds.

    Raises
    ------
    InputError
        If ``target`` is a folder or a device, or its folder does not exist or cannot be written to.
    """
    target = Path(target)
    if target.is_symlink():
        target = target.resolve()  # the link stays, the file it names is replaced
    if target.is_dir():
        raise InputError("is a folder", file=target, remedy="name a file to write")
    if target.exists() and not target.is_file():
        raise InputError("is a device or pipe", file=target, remedy="name a file to write")
    unique = f"{os.getpid():x}-{time.monotonic_ns():x}"
    temporary = target.with_name(f".{target.name}.{unique}{target.suffix}")
    try:  # from before the file is there: an interrupt may come at any time
        try:
            temporary.open("xb").close()
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror}", file=target, remedy="choose another --output folder"
            ) from error
        yield temporary
        temporary.replace(target)
    finally:
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
