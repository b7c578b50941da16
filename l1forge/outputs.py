"""Output files looked at before the work starts: an hour's result must not die on a mistyped folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from emulator.errors import InputError


def check_outputs(*targets: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Demand that each of ``targets`` (None: not asked for) can be written and is none of ``inputs``.

    Raises
    ------
    InputError
        The target is a folder, its folder is missing or read-only, or it would overwrite an input.
    """
    inputs = list(inputs)
    for target in targets:
        if target is None:
            continue
        if target.is_dir():
            raise InputError("is a folder", file=target, remedy="name a file to write")
        if not target.absolute().parent.is_dir():
            raise InputError("the folder does not exist", file=target, remedy="create it first")
        if not os.access(target.absolute().parent, os.W_OK):
            raise InputError("the folder is read-only", file=target, remedy="choose another one")
        if target.exists() and any(source.exists() and source.samefile(target) for source in inputs):
            raise InputError("would overwrite its own input", file=target, remedy="choose another name")
