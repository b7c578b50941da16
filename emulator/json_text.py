"""JSON of unknown origin: every fault, also those that Python reports otherwise, is a JSONDecodeError."""

from __future__ import annotations

import json
import re
import sys
from typing import Any


def parse_json(text: str) -> Any:
    """The document; its numbers, lists and objects as Python's.

    Raises
    ------
    json.JSONDecodeError
        Also for an integer of more digits than Python converts (4 300), nesting beyond Python's stack and
        a key that stands twice in one object: the last of both would win, and nobody would know.
    """
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, text))
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise json.JSONDecodeError("nested too deeply", text, 0) from error
    except ValueError as error:
        limit = sys.get_int_max_str_digits()
        number = re.search(rf"\d{{{limit + 1},}}", text)
        place = number.start() if number else 0
        raise json.JSONDecodeError(f"an integer of more than {limit:,} digits", text, place) from error


def _object(pairs: list[tuple[str, Any]], text: str) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        place = max(text.rfind(json.dumps(twice)), 0)
        raise json.JSONDecodeError(f"the key {twice[:80]!r} is there twice", text, place)
    return table
