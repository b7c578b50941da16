"""Where commands print: tables are never cut, whatever the width of the terminal or file."""

from __future__ import annotations

from typing import Any

import rich.console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNLIMITED = 1 << 16


class Console(rich.console.Console):
    """rich's console, which prints numbers and words in full.

    In a pipe or file a table is as wide as its content. On a terminal, the columns of a wide table are folded
    between words. If the longest words still do not fit, the table is wider than the terminal. The terminal
    itself breaks lines of text.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, but widen the console if a table needs it."""
        tables = [item for item in objects if isinstance(item, Table)]
        if not tables:
            if all(isinstance(item, str | Text) for item in objects):
                options.setdefault("soft_wrap", True)
            super().print(*objects, **options)
            return
        before = self.width
        try:
            self.width = max(before, *(self._needed(table) for table in tables))
            super().print(*objects, crop=False, **options)
        finally:
            self.width = before

    def _needed(self, table: Table) -> int:
        """Width in characters that the table needs."""
        unlimited = self.options.update(max_width=UNLIMITED)
        for column in table.columns:
            sizes = [Measurement.get(self, unlimited, cell) for cell in (column.header, *column.cells)]
            column.min_width = max(size.minimum for size in sizes)
            # rich narrows the widest columns first, also those that have no blank to break at
            column.no_wrap = column.min_width == max(size.maximum for size in sizes)
        needed = Measurement.get(self, unlimited, table)
        return needed.minimum if self.is_terminal else needed.maximum
