"""What the wrapper's variables hold while it is read: one entry for each pass of a loop (a lane).

A value is known (constants), or comes from elements of a node of the graph, or is a floating-point formula of
such an element. ``CType`` is the type that C++ gives it: it decides where bits are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Node


@dataclass(frozen=True)
class CType:
    """A fixed-point or integer type, or ``real`` = ``float`` or ``double``."""

    fixed: FixedType | None
    real: str = ""

    @property
    def exact(self) -> FixedType:
        assert self.fixed is not None
        return self.fixed


def c_integer(bits: int = 32, signed: bool = True) -> CType:
    """A C++ integer; a fixed-point value that is put into one is cut towards zero."""
    return CType(FixedType(bits, bits, signed, Rounding.TRN_ZERO))


INT = c_integer()
DOUBLE, FLOAT = CType(None, "double"), CType(None, "float")
MANTISSA = {"double": 53, "float": 24}


@dataclass(frozen=True)
class Known:
    """Constants, one for each lane or one for all."""

    values: tuple[Fraction, ...]
    type: CType

    @property
    def lanes(self) -> int:
        return len(self.values)

    def integers(self) -> list[int]:
        """The values cut towards zero."""
        return [int(value) for value in self.values]


@dataclass(frozen=True)
class Data:
    """Elements ``index`` of a node (in C order), one for each lane."""

    node: Node
    index: tuple[int, ...]
    type: CType

    @property
    def lanes(self) -> int:
        return len(self.index)


Formula = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Real:
    """A floating-point formula of elements of a node: for each lane what C++ computes from its value."""

    base: Data
    formulas: tuple[Formula, ...]
    type: CType

    @property
    def lanes(self) -> int:
        return len(self.formulas)


Value = Known | Data | Real


@dataclass
class Array:
    """A declared array (or scalar, with one cell): what each cell holds."""

    type: CType
    sizes: tuple[int, ...]
    cells: list[Any]
    loop: int = 0
    """Depth of loops in which it was declared."""

    @property
    def size(self) -> int:
        return int(np.prod(self.sizes, dtype=int)) if self.sizes else 1


def spread(values: Sequence[Any], lanes: int) -> list[Any]:
    """One entry for each of ``lanes``: there is one for each already, or one for all."""
    if len(values) not in (1, lanes):
        raise AssertionError(f"{len(values)} values for {lanes} passes")
    return list(values) if len(values) == lanes else [values[0]] * lanes


def result_type(operator: str, a: FixedType, b: FixedType) -> FixedType:
    """The type that ap_fixed gives ``a operator b``: nothing is lost in it."""
    if operator == "*":
        return FixedType(a.width + b.width, a.integer + b.integer, a.signed or b.signed)
    fraction = max(a.fraction, b.fraction)
    signed = a.signed or b.signed
    whole = max(a.integer + (b.signed and not a.signed), b.integer + (a.signed and not b.signed)) + 1
    return FixedType(whole + fraction, whole, signed or operator == "-")


def plain(kind: FixedType) -> FixedType:
    """The type without its modes: what its values are."""
    return FixedType(kind.width, kind.integer, kind.signed)


def wraps(kind: FixedType) -> bool:
    """Whether casts to the type drop bits on both ends and do nothing else."""
    return kind.rounding is Rounding.TRN and kind.overflow is Overflow.WRAP and not kind.saturation_bits


def fits(value: FixedType, target: FixedType) -> bool:
    """Whether every value of a type is one of the other."""
    step = target.fraction - value.fraction
    return step >= 0 and (target.minimum <= value.minimum << step and value.maximum << step <= target.maximum)


def split(value: Value) -> list[Value]:
    """One value for each lane."""
    if isinstance(value, Known):
        return [Known((v,), value.type) for v in value.values]
    if isinstance(value, Data):
        return [Data(value.node, (i,), value.type) for i in value.index]
    base = value.base
    return [
        Real(Data(base.node, (i,), base.type), (f,), value.type)
        for i, f in zip(spread(base.index, value.lanes), value.formulas, strict=True)
    ]


def repeated(value: Value, times: int) -> Value:
    """Each lane ``times`` times in a row."""
    if isinstance(value, Known):
        return Known(tuple(v for v in value.values for _ in range(times)), value.type)
    if isinstance(value, Data):
        return Data(value.node, tuple(i for i in value.index for _ in range(times)), value.type)
    base = value.base
    index = tuple(i for i in spread(base.index, value.lanes) for _ in range(times))
    return Real(
        Data(base.node, index, base.type), tuple(f for f in value.formulas for _ in range(times)), value.type
    )
