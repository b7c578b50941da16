"""The one picture that several studies share: named counts as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bars(values: Mapping[str, float], label: str, title: str) -> Figure:
    """Horizontal bars, one for each name; a figure of its own, so that no global state of pyplot changes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 0.6 + 0.4 * max(len(values), 1)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(values), list(values.values()))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_title(title)
    return figure
