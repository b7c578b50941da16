"""The one error that bad input raises, and the process exit code it maps to."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

EXIT_BAD_INPUT = 2
SHOWN, SAID = 200, 600
"""Characters of a bad value and of each other part that are shown: the line stays one."""


class Details(TypedDict, total=False):
    """Keywords of ``InputError`` that a function passes on, where it gives the file and the field itself."""

    value: object
    remedy: str | None


class InputError(ValueError):
    """Input that cannot be used: names the file, the field, the value and the remedy.

    The command line prints ``str(error)``, which is one line, and exits with ``EXIT_BAD_INPUT``; library
    users may read the attributes.

    Examples
    --------
    >>> import l1forge
    >>> try:
    ...     l1forge.open_events("nothing.parquet")
    ... except l1forge.InputError as error:
    ...     error.problem, str(error.file)
    ('cannot be read: No such file or directory', 'nothing.parquet')
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.file, self.field, self.value, self.remedy = problem, file, field, value, remedy
        parts = [] if file is None else [shown_path(file)]
        if field is not None:
            parts.append(_shortened(field, SHOWN))
        text = ": ".join([*parts, _shortened(problem, SAID)])
        if value is not None:
            text += f" (got {_shortened(_shown(value), SHOWN)})"
        if remedy:
            text += f"; {_shortened(remedy, SAID)}"
        super().__init__(" ".join(text.splitlines()))


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no integer of more than 4 300 digits
        return "a number of thousands of digits"


def shown_path(path: str | Path) -> str:
    """The path as messages show it: one that is longer than any real one loses its beginning."""
    text = str(path)
    return text if len(text) <= SAID else "…" + text[-SAID:]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"
