"""Checks of output and event file names before the work starts, so that a wrong name costs no hour."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.check_files import check_event_files as check_event_files


def check_outputs(*targets: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Demand that each of ``targets`` (None: not asked for) can be written and is none of ``inputs``.

    Raises
    ------
    InputError
        The target is a folder or device, its folder is missing or read-only, or it would overwrite an input.
    """
    inputs = list(inputs)
    for target in targets:
        if target is None:
            continue
        if target.is_dir():
            raise InputError("is a folder", file=target, remedy="name a file to write")
        if target.exists() and not target.is_file():
            raise InputError("is a device or pipe", file=target, remedy="name a file to write")
        if not target.absolute().parent.is_dir():
            raise InputError("the folder does not exist", file=target, remedy="create it first")
        if not os.access(target.absolute().parent, os.W_OK):
            raise InputError("the folder is read-only", file=target, remedy="choose another one")
        if target.exists() and any(source.exists() and source.samefile(target) for source in inputs):
            raise InputError("would overwrite its own input", file=target, remedy="choose another name")
    given = [target.resolve() for target in targets if target is not None]
    for target in given:
        if given.count(target) > 1:
            raise InputError("is given for two outputs", file=target, remedy="choose another name")


def check_folders(*targets: Path | None) -> None:
    """Demand that each of ``targets`` (None: not asked for) is a folder or can become one; makes none.

    Raises
    ------
    InputError
        The target or what it lies in is a file or read-only.
    """
    for target in targets:
        if target is None:
            continue
        there = target.absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            name = target if there == target.absolute() else there
            raise InputError("is a file", file=name, remedy="name a folder for the output")
        if not os.access(there, os.W_OK):
            raise InputError("the folder is read-only", file=there, remedy="choose another one")
