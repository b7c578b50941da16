"""Events with which types are chosen at the rate that a trigger will have: zero bias, and signal if given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.firmware.inputs.columns import Column
from l1forge.studies.defaults import default_zero_bias

LOSS = 0.05
"""Largest share of the accepted events that may be lost, if nothing is said."""
MOST = 1_000_000
"""Events of one kind that are read, the first ones."""


@dataclass(frozen=True)
class WorkingPoint:
    """Choose types by what is lost at ``rate_khz``; ``loss`` is the largest share.

    ``zero_bias`` None: the project's events, or the whole committed sample: only two forms of one score are
    compared, so that events which trained a model do not matter.
    ``signals``: where given, the loss is the share of their accepted events, else that of the rate.
    """

    rate_khz: float
    zero_bias: Path | None = None
    signals: tuple[Path, ...] = ()
    loss: float = LOSS

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            remedy = "a share from 0 to below 1, such as 0.05"
            raise InputError("is out of range", field="--loss", value=self.loss, remedy=remedy)

    def codes(self, columns: Sequence[Column]) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Hardware integers (n, columns), and labels (n,): 1 for signal; None if all are zero bias.

        Raises
        ------
        InputError
            If a file cannot be read, lacks a column, or holds no event.
        """
        files = [self.zero_bias or default_zero_bias(), *self.signals]
        parts = [_codes(file, columns) for file in files]
        labels = np.repeat([0] + [1] * len(self.signals), [len(part) for part in parts])
        return np.concatenate(parts), labels if self.signals else None


def _codes(file: Path, columns: Sequence[Column]) -> NDArray[np.int64]:
    slots = [column.source.removesuffix("]").partition("[")[::2] for column in columns]
    wanted = dict.fromkeys(name for name, _ in slots if name != "0")
    parts, left = [], MOST
    for events in open_events(file).blocks(wanted):
        zeros = np.zeros(events.n, np.int64)
        rows = [zeros if name == "0" else events.column(name)[int(slot)] for name, slot in slots]
        parts.append(np.stack(rows, axis=1)[:left].astype(np.int64))
        left -= len(parts[-1])
        if left <= 0:
            break
    if left == MOST:
        raise InputError("holds no event", file=file, remedy="give at least one")
    return np.concatenate(parts)
