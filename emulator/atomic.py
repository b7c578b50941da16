"""Output that exists whole or not at all: files written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of writing that do not name the file."""


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` only if the block succeeds.

    Raises
    ------
    InputError
        If ``target`` is a folder or a device, its folder does not exist or cannot be written to, or the disk
        is full.
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
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise InputError(
            f"cannot be written: {os.strerror(error.errno)}",
            file=target,
            remedy="make room or choose another disk",
        ) from error
    finally:
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_files(target: str | Path) -> Iterator[Path]:
    """Yield a temporary folder; move its files into the folder ``target`` only if the block succeeds.

    For files that belong together: an interrupted training must not leave a new model beside an old graph.
    Other files of ``target`` stay.

    Raises
    ------
    InputError
        If ``target`` cannot be made or written to.
    """
    target = Path(target)
    there = target.absolute()
    while not there.exists():
        there = there.parent
    temporary: Path | None = None
    try:
        try:
            temporary = Path(tempfile.mkdtemp(dir=there, prefix=f".{target.name}."))
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror}", file=there, remedy="choose another --output folder"
            ) from error
        yield temporary
        for file in sorted(file for file in temporary.rglob("*") if file.is_file()):
            final = target / file.relative_to(temporary)
            final.parent.mkdir(parents=True, exist_ok=True)
            file.replace(final)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
