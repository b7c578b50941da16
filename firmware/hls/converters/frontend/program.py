"""A network as a list of operations on one event, whichever framework it comes from.

Operations have the names and arguments of PyTorch's functions; ``layers`` makes hls4ml layers of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the inputs; ``shape`` is that of one event."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Operation:
    """One operation. ``arguments`` and ``options`` hold ``Value`` for tensors, numbers for the rest."""

    name: str
    kind: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    result: Value
    index: NDArray[np.int64] | None = None
    """For ``kind == "move"``: the flat number of the input element that each result element is."""


@dataclass
class Program:
    """``inputs`` in the order of the arguments of ``forward``, ``outputs`` in the order of its result."""

    inputs: list[Value]
    operations: list[Operation] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)


def refuse(problem: str, name: str, value: object = None, remedy: str | None = None) -> InputError:
    return InputError(problem, field=f"layer {name}", value=value, remedy=remedy)
