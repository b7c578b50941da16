"""Reading JSON models: a missing or ill-typed entry becomes an error that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises
    ------
    InputError
        If the file cannot be read or is not a JSON object.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read model: {error}", file=path) from error
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error.msg} at line {error.lineno}", file=path) from error
    if not isinstance(document, dict):
        raise InputError("is not a model: expected a JSON object", file=path)
    return document


def entry(document: object, path: str, file: str | None) -> Any:
    """``document[a][b]`` for path ``"a.b"``; InputError if there is none."""
    for key in path.split("."):
        if not isinstance(document, dict) or key not in document:
            raise InputError("model lacks an entry", file=file, field=path, value=key)
        document = document[key]
    return document
