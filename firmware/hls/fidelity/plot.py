"""One picture of all layers: which values occur, and which ones the layer's type holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.fidelity.layers import LayerFidelity

FORMATS = (".png", ".pdf", ".svg")


def check_format(path: str | Path) -> None:
    """Raise InputError unless a picture can be written to a file of this name."""
    if Path(path).suffix not in FORMATS:
        raise InputError(
            "cannot tell what format to write",
            file=path,
            value=Path(path).suffix,
            remedy=f"name it {', '.join(FORMATS)}",
        )


def plot_layers(layers: Sequence[LayerFidelity], path: str | Path) -> None:
    """Draw the distribution of |value| of each layer over powers of two, with the range of its type.

    The box runs from the type's LSB to its largest value: what lies right of it wraps or saturates, what lies
    left of it is rounded away.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.45 * len(layers)), layout="constrained")
    axes = figure.subplots()
    for row, layer in enumerate(layers):
        low, high = np.log2(layer.type.lsb), np.log2(max(layer.type.maximum, 1) * layer.type.lsb)
        colour = "tab:red" if layer.wrapped else "tab:orange" if layer.saturated else "tab:blue"
        axes.barh(row, high - low, left=low, height=0.8, fill=False, edgecolor="black", linewidth=1)
        bars = [(size, count) for size, count in layer.histogram if size > 0]
        top = max((count for _, count in bars), default=1)
        for size, count in bars:
            height = 0.7 * count / top
            axes.bar(np.log2(size) - 1, height, 1.0, row - height / 2, align="edge", color=colour, alpha=0.6)
    axes.set_yticks(range(len(layers)), [f"{layer.layer}\n{layer.type}" for layer in layers], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("log2 |value|")
    axes.set_title(
        "values of each layer; box: LSB to largest value of its type (red: wraps, orange: saturates)",
        fontsize=8,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:], dpi=110)
