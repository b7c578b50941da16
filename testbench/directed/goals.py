"""Goals and the book in which is kept which of them were reached, cannot be reached, or were not reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENTRIES, CUTS, ENDS, LEAVES = "entries", "cuts", "ends", "leaves"
KINDS = {
    ENTRIES: "table entries addressed",
    LEAVES: "leaves reached",
    CUTS: "cuts pinned",
    ENDS: "ends of ranges reached",
}
"""Kind to the words of reports."""


@dataclass(frozen=True)
class Goal:
    """``low <= column <= high`` on at least one crossing; ``column`` is -1 for goals of trees.

    ``node`` and ``element`` name what is watched; for trees ``element`` is the tree and ``low`` the node.
    """

    kind: str
    node: str
    element: int
    column: int
    low: int
    high: int
    what: str = ""
    shift: int = 0  # what messages add to the values: the offset of a table's index

    def __str__(self) -> str:
        low, high = self.low + self.shift, self.high + self.shift
        value = f"{low}" if low == high else f"{low} .. {high}"
        return f"{self.node}[{self.element}]: {self.what or self.kind} {value}"


class ColumnGoals:
    """The goals of columns as arrays, and which of them a block of values reaches."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        self.low = np.array([goal.low for goal in goals], np.int64)
        self.high = np.array([goal.high for goal in goals], np.int64)
        self.column = np.array([goal.column for goal in goals], np.int64)
        order = np.argsort(self.column, kind="stable")
        columns, first = np.unique(self.column[order], return_index=True)
        parts = np.split(order, first[1:]) if len(columns) else []
        self.of_column = {int(c): part for c, part in zip(columns, parts, strict=True) if c >= 0}

    def reached(
        self, values: NDArray[np.int64], wanted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ``wanted`` goals that ``values`` (n, columns) reach, and a row that reaches each."""
        found, rows = [], []
        for column, goals in self.of_column.items():
            goals = goals[wanted[goals]]
            if not len(goals):
                continue
            order = np.argsort(values[:, column], kind="stable")
            ordered = values[order, column]
            place = np.searchsorted(ordered, self.low[goals], "left")
            hit = place < np.searchsorted(ordered, self.high[goals], "right")
            found.append(goals[hit])
            rows.append(order[place[hit]])
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(found), np.concatenate(rows)
