"""What the checks of a trigger path leave for its page: a JSON file each, in the build folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.json_text import parse_json

COSIM, FAULTS, FORMAL, COSTS, MENU = "cosim-path", "faults", "formal", "menu-costs", "menu-cosim"
COMMANDS = {
    COSIM: "l1forge cosim-path",
    FAULTS: "l1forge faults",
    FORMAL: "l1forge formal",
    COSTS: "l1forge menu costs",
    MENU: "l1forge menu cosim",
}
"""What makes each result."""


def place(kind: str, name: str) -> Path:
    """The file of a result; ``name``: what it is about."""
    return build_folder() / "reports" / name / f"{kind}.json"


def keep(kind: str, name: str, document: Mapping[str, Any]) -> None:
    """Keep a result, with the time."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    file = place(kind, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps({"when": when, **document}, indent=1) + "\n")


def kept(kind: str, name: str) -> dict[str, Any] | None:
    """A result that was kept, or None.

    Raises
    ------
    InputError
        If the file is there but is no such result.
    """
    file = place(kind, name)
    if not file.is_file():
        return None
    try:
        found = parse_json(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or "when" not in found:
            raise ValueError("no result")
    except (OSError, ValueError) as error:
        raise InputError(
            f"is not a result of `{COMMANDS[kind]}`: {error}", file=file, remedy="run it again"
        ) from error
    return found
