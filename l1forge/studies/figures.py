"""Figures that no global state of pyplot knows: what ``plot`` of the studies' results returns."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from matplotlib.figure import Figure


class Picture(Figure):
    """A matplotlib figure that belongs to no window; notebooks show it when it is a cell's last value.

    ``style``: context in which it is rendered, as some settings of a style count only then.
    """

    def __init__(
        self, *arguments: Any, style: Callable[[], AbstractContextManager[None]] = nullcontext, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._style = style

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """As matplotlib's, in the style of the figure."""
        with self._style():
            super().savefig(*arguments, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=72, bbox_inches="tight")
        return buffer.getvalue()
