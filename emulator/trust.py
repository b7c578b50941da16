"""Folders whose files are executed: only those that nobody else can write to, judged as ssh judges its own.

A folder counts if it and everything above it belong to this user or to root and nobody else may write there.
Above it, a sticky folder such as /tmp is good enough (what lies there can be exchanged by its owner only),
and so is a group that holds this user alone.
"""

from __future__ import annotations

import atexit
import functools
import grp
import os
import pwd
import shutil
import stat
import sys
import tempfile
from pathlib import Path


def distrusted(folder: Path) -> str:
    """Why the files of ``folder`` must not be executed, naming the folder at fault; nothing if they may.

    Folders that do not exist are not judged: who makes them decides.
    """
    folder = folder.absolute()
    for place in (folder, *folder.parents):
        if reason := _fault(place, above=place != folder):
            return reason
    real = folder.resolve()
    return "" if real == folder else distrusted(real)


def _fault(place: Path, above: bool) -> str:
    try:
        state = place.lstat()
    except OSError:
        return ""
    if state.st_uid not in (0, os.geteuid()):
        return f"{place} belongs to {_user(state.st_uid)}"
    if stat.S_ISLNK(state.st_mode) or (above and state.st_mode & stat.S_ISVTX):
        return ""
    if state.st_mode & stat.S_IWOTH:
        return f"{place} can be written by everybody"
    if state.st_mode & stat.S_IWGRP and not _own_group(state.st_gid):
        return f"{place} can be written by its group"
    return ""


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


@functools.cache
def _own_group(number: int) -> bool:
    """Whether a group holds this user alone, as most distributions set users up."""
    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except KeyError:
        return False
    alone = set(group.gr_mem) <= {me.pw_name} and me.pw_gid == number
    return alone and (number == 0 or group.gr_name == me.pw_name)


def trusted_folder(folder: Path, remedy: str) -> Path:
    """``folder``, or where it is not to be trusted a private temporary one, with one warning per process.

    What is missing of ``folder`` is made, for this user alone. ``remedy`` ends the warning.

    Raises
    ------
    OSError
        ``folder`` cannot be made.
    """
    reason = distrusted(folder)
    if not reason:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = distrusted(folder)  # a folder of the umask's making may be open to a group
    return _private(folder.absolute(), reason, remedy) if reason else folder


@functools.cache
def _private(folder: Path, reason: str, remedy: str) -> Path:
    made = Path(tempfile.mkdtemp(prefix="l1forge-private-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in the children of a fork
            shutil.rmtree(made, ignore_errors=True)

    atexit.register(remove)
    warn(folder, reason, remedy)
    return made


@functools.cache
def warn(folder: Path, reason: str, remedy: str) -> None:
    """One line on standard error, once per process: compiled code of ``folder`` is not used."""
    print(f"warning: {folder} is not used for compiled code: {reason}; {remedy}", file=sys.stderr, flush=True)
