"""Output that exists whole or not at all: files written under a temporary name, then renamed.

A process that is killed outright leaves its temporary file. Its name tells the process, so that the next
output to the same folder can remove it: a day later, if no process of that number is alive.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from l1forge.emulator.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of writing that do not name the file."""

OLD_S = 24 * 3600
"""Age at which what a dead process left is removed."""
_LEFT = re.compile(r"\..*\.l1forge-([0-9a-f]+)-[0-9a-z_]{6,}(?:\.\w+)?")


def _unique() -> str:
    """The part of a temporary name that tells whose it is."""
    return f"l1forge-{os.getpid():x}"


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders of ours that dead processes left in ``folder`` over a day ago."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = _LEFT.fullmatch(entry.name)
            if match is None or _alive(int(match[1], 16)):
                continue
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                if time.time() - state.st_mtime < OLD_S or state.st_uid != os.geteuid():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


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
    remove_leftovers(target.parent)
    unique = f"{_unique()}-{time.monotonic_ns():x}"
    temporary = target.with_name(f".{target.name}.{unique}{target.suffix}")
    try:  # from before the file is there: an interrupt may come at any time
        try:
            temporary.open("xb").close()
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror}", file=target, remedy="choose another --output folder"
            ) from error
        with _full_disk(target):
            yield temporary
            temporary.replace(target)
    finally:
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _full_disk(target: Path) -> Iterator[None]:
    """An InputError that names ``target``, where the system only says that there is no room."""
    try:
        yield
    except OSError as error:
        number = error.errno
        if isinstance(error, shutil.Error):  # of copytree: (from, to, reason) of every file, reasons as text
            number = next((n for n in FULL if f"[Errno {n}]" in str(error)), None)
        if number not in FULL:
            raise
        raise InputError(
            f"cannot be written: {os.strerror(number)}",
            file=target,
            remedy="free some space or choose another disk",
        ) from error


@contextmanager
def _named(temporary: Path, target: Path) -> Iterator[None]:
    """InputErrors name files by where they would have ended up."""
    try:
        yield
    except InputError as error:
        if error.file is None or not Path(error.file).is_relative_to(temporary):
            raise
        file = target / Path(error.file).relative_to(temporary)
        raise InputError(
            error.problem, file=file, field=error.field, value=error.value, remedy=error.remedy
        ) from error


@contextmanager
def atomic_files(target: str | Path, *, replace_folders: bool = False) -> Iterator[Path]:
    """Yield a temporary folder; move its files into the folder ``target`` only if the block succeeds.

    For files that belong together: an interrupted training must not leave a new model beside an old graph.
    Other files of ``target`` stay, unless they lie in sub-folders and ``replace_folders`` says that a new
    sub-folder takes the place of the old one.

    Raises
    ------
    InputError
        If ``target`` cannot be made or written to, or the disk is full.
    """
    target = Path(target)
    there = target.absolute()
    while not there.exists():
        there = there.parent
    temporary: Path | None = None
    remove_leftovers(there)
    try:
        try:
            temporary = Path(tempfile.mkdtemp(dir=there, prefix=f".{target.name}.{_unique()}-"))
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror}", file=there, remedy="choose another --output folder"
            ) from error
        with _full_disk(target), _named(temporary, target):
            yield temporary
            if target.exists():
                _merge(temporary, target, replace_folders)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.chmod(0o755)
                temporary.rename(target)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _merge(source: Path, target: Path, replace_folders: bool) -> None:
    """Move what is in the folder ``source`` into ``target``, which lies on the same disk."""
    for path in sorted(source.iterdir()):
        final = target / path.name
        if path.is_dir() and final.is_dir() and not replace_folders:
            _merge(path, final, False)
        elif path.is_dir():
            if final.is_dir():
                shutil.rmtree(final)
            path.rename(final)
        else:
            path.replace(final)


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_line(target: str | Path, line: str) -> None:
    """Add one line (UTF-8) to a file that only grows; lines of several processes do not mix.

    Raises
    ------
    InputError
        If the file cannot be written to, or the disk is full.
    """
    target = Path(target)
    with _full_disk(target):
        try:
            number = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno in FULL:
                raise
            raise InputError(f"cannot be written: {error.strerror}", file=target) from error
        try:
            os.write(number, f"{line}\n".encode())
        finally:
            os.close(number)
