"""The one error that bad input raises, and the process exit code it maps to."""

from __future__ import annotations

from pathlib import Path

EXIT_BAD_INPUT = 2
SHOWN = 200
"""Characters of a bad value that are shown."""


class InputError(ValueError):
    """Input that cannot be used: names the file, the field, the value and the remedy.

    The command line prints ``str(error)``, which is one line, and exits with ``EXIT_BAD_INPUT``; library
    users may read the attributes.
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
        parts = [str(file)] if file is not None else []
        if field is not None:
            parts.append(field)
        text = ": ".join([*parts, problem])
        if value is not None:
            shown = repr(value)
            text += f" (got {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'})"
        if remedy:
            text += f"; {remedy}"
        super().__init__(" ".join(text.splitlines()))
