"""Functions of one number, and division, by a table with an entry for every value of its input's type.

What an entry differs from the function by is measured over all entries and said in a note.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.hls.converters.frontend.arithmetic import merge, scaled
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse
from l1forge.firmware.hls.converters.frontend.ranges import Range, known_type, range_of

INDEX_BITS = 12
"""Bits of an input that nobody has chosen a type for: its table has at most 4096 entries."""
MOST_BITS = 16
"""Bits of the widest input type that can be chosen."""
EXPONENT = 5
"""Integer bits of the input of an exponential: e^16 and e^-16 are beyond what its results can hold."""
ENTRY_BITS = 18
"""Significant bits of the largest entry, one block of memory wide."""

Function = Callable[[NDArray[Any]], NDArray[Any]]

FUNCTIONS: dict[str, Function] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x,
    "sin": np.sin, "cos": np.cos, "erf": lambda x: np.vectorize(math.erf)(x),
}  # fmt: skip


@handler(*FUNCTIONS)
def _function(net: Layers, op: Operation, x: Tensor) -> Tensor:
    return lookup(net, op.name, op.kind, x)


def lookup(net: Layers, name: str, kind: str, x: Tensor) -> Tensor:
    """``FUNCTIONS[kind]`` of every value that ``x`` can have, rounded to the nearest of the result's type."""
    index, exact = _index_type(net, name, kind, x)
    if not exact or net.type_of(x) is None:
        known_type(net, x)
        x = net.rounded(f"{name}_input", x, index)
    integers = np.arange(index.minimum, index.maximum + 1)
    with np.errstate(all="ignore"):
        values = FUNCTIONS[kind](integers * index.lsb)
    good = np.isfinite(values)
    if not good.any():
        raise refuse(f"{kind} is not defined for any value of its input", name, str(index))
    filled, outside = _filled(kind, values, good)
    given = net.typed.get(name)
    result = FixedType.parse(given) if given is not None else _entry_type(filled)
    scaled = np.clip(np.rint(np.ldexp(filled, result.fraction)), result.minimum, result.maximum)
    entries = np.ldexp(scaled, -result.fraction)
    _say(net, name, kind, index, result, float(np.abs(entries - values)[good].max()), exact, outside)
    if index.signed:  # by the bits of the index: what is not negative first
        entries = np.roll(entries, index.minimum)
    made = net.add(
        name, "UnaryLUT", [x], x.shape, last=x.last, activation="unary_lut", n_in=x.size, table_data=entries,
        types={"result": str(result), "table": str(result)},
    )  # fmt: skip
    net.ranges[made.name] = Range(int(scaled.min()), int(scaled.max()), result.fraction)
    return made


def _index_type(net: Layers, name: str, function: str, x: Tensor) -> tuple[FixedType, bool]:
    """The type of the table's input, and whether it holds all of ``x``."""
    given = net.typed.get(f"{name}_input")
    kind = FixedType.parse(given) if given is not None else None
    own = net.type_of(x)
    if kind is None and own is not None and own.width <= INDEX_BITS:
        return own, True
    found = range_of(net, x.name)
    if kind is None and x.name in net.typed:  # the user's choice
        kind = own
    if kind is None:
        exact = found.type
        if exact.width <= INDEX_BITS:
            return exact, True
        integer = min(exact.integer, EXPONENT) if function.startswith("exp") else exact.integer
        kind = FixedType(INDEX_BITS, integer, exact.signed, Rounding.RND, Overflow.SAT)
    if kind.width > MOST_BITS:
        raise refuse(
            f"a table of 2^{kind.width} entries is too large", name, str(kind),
            f"give {name}_input a type of at most {MOST_BITS} bits in precision",
        )  # fmt: skip
    low, high = kind.minimum, kind.maximum
    inside = (
        kind.fraction >= found.fraction
        and low <= found.at(kind.fraction)[0]
        and found.at(kind.fraction)[1] <= high
    )
    return kind, inside


def _filled(kind: str, values: NDArray[Any], good: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Entries where the function is not defined: its largest at a pole, else that of the nearest input."""
    if good.all():
        return values, ""
    if kind in ("reciprocal", "rsqrt"):
        filled = np.where(good, values, values[good].max())
        return filled, "of zero" if kind == "reciprocal" else "of numbers that are not above zero"
    nearest = np.flatnonzero(good)
    place = np.clip(np.searchsorted(nearest, np.arange(len(values))), 0, len(nearest) - 1)
    return np.where(good, values, values[nearest[place]]), "where it is not defined"


def _entry_type(values: NDArray[Any]) -> FixedType:
    signed = bool((values < 0).any())
    integer = math.frexp(float(np.abs(values).max()))[1] + signed
    kind = FixedType(ENTRY_BITS, integer, signed)
    return (
        kind
        if np.rint(values.max() / kind.lsb) <= kind.maximum
        else FixedType(ENTRY_BITS, integer + 1, signed)
    )


def _say(
    net: Layers,
    name: str,
    kind: str,
    index: FixedType,
    result: FixedType,
    error: float,
    exact: bool,
    outside: str,
) -> None:
    text = (
        f"layer {name}: {kind} by a table of {1 << index.width} entries, in {result}, at most {error:.1e} off"
    )
    if not exact:
        text += f"; its input is rounded to {index} before (--precision, {name}_input, chooses another type)"
    if outside:
        text += f"; {outside} the nearest entry is taken"
    net.said[name] = text


def quotient(net: Layers, op: Operation, x: Any, y: Tensor) -> Tensor:
    """``x / y``: the product with a reciprocal from a table, rounded to the default type's fraction."""
    if not isinstance(x, Tensor) and np.all(np.asarray(x) == 1):
        return lookup(net, op.name, "reciprocal", y)
    inverse = lookup(net, f"{op.name}_inverse", "reciprocal", y)
    if not isinstance(x, Tensor):
        return net.affine(op.name, inverse, np.asarray(x, dtype=np.float64), 0)
    made = merge(net, op.name, "multiply", x, inverse)
    for part in (x, inverse):
        known_type(net, part)
    if op.name not in net.typed:
        found = range_of(net, made.name).type
        fraction = max(net.default.fraction, range_of(net, x.name).fraction)
        kind = FixedType(found.integer + 1 + fraction, found.integer + 1, found.signed, Rounding.RND)
        net.types[made.name]["result"] = str(kind)
        net.ranges[made.name] = Range.of(kind)
    return made


@handler("truediv", "div", "divide", "true_divide")
def _division(net: Layers, op: Operation, x: Any, y: Any, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode is not None:
        raise refuse("rounds its quotient", op.name, rounding_mode, "divide without rounding_mode")
    return quotient(net, op, x, y) if isinstance(y, Tensor) else scaled(net, op, x, y)
