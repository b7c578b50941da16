"""What a graph is made of: nodes, and the integer constants that they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType


@dataclass(frozen=True)
class Constant:
    """Weights or a table: integers in LSBs of ``type``; int64 (object where 63 bits are not enough)."""

    type: FixedType
    data: NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One operation; ``shape`` is that of one event's result (without the event axis).

    ``type`` is the type of every element of the result; where elements differ, ``types`` lists one type
    per element (C order) and ``type`` is a type that holds them all with the same fraction.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    type: FixedType
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Constant] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Elements of one event's result."""
        return math.prod(self.shape)

    def accumulator(self) -> FixedType:
        """The accumulator's type (operations that sum)."""
        return FixedType.parse(self.attributes["accum"])
