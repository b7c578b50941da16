"""The fixed-point graph as logic: one function per operation, each returning alkaid's symbolic variables.

The counterpart of ``emulator.graph.reference`` for hardware. Variables carry real values and a proven
interval; ``casts.cast`` applies the graph's types. An operation that is not listed here is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl.casts import cast, invert
from l1forge.firmware.rtl.constants import CONSTANT_BITS, VALUE_BITS, WEIGHT_BITS, Variable, exact

Variables = NDArray[Any]  # object array of alkaid.trace.FVariable, of the node's shape


@dataclass(frozen=True)
class LogicTensor:
    """The variables of one node and their declared type (their intervals may be narrower)."""

    values: Variables
    type: FixedType


Lowering = Callable[[Node, list[LogicTensor]], Variables]
LOWERINGS: dict[str, Lowering] = {}

# One LUT bit per adder bit, carries counted bit by bit, no cut-off: with other settings alkaid 0.8.2 gives
# products a negative latency and its pipeliner fails.
HARDWARE = (1, 1, -1)


def lowering(name: str) -> Callable[[Lowering], Lowering]:
    """Register the logic of an operation."""

    def register(function: Lowering) -> Lowering:
        LOWERINGS[name] = function
        return function

    return register


def inputs_of(graph: Graph) -> dict[str, Variables]:
    """Fresh variables for every input node, of the declared type."""
    return {node.name: _fresh(node) for node in graph.inputs}


def lower(graph: Graph, inputs: dict[str, Variables]) -> dict[str, Variables]:
    """Build the logic of ``graph`` on ``inputs``; the variables of every node by name.

    Raises
    ------
    InputError
        If an operation, an overflow mode or the width of a constant cannot be expressed.
    """
    tensors = {node.name: LogicTensor(inputs[node.name], node.type) for node in graph.inputs}
    for node in graph.nodes:
        if node.op == "input":
            continue
        function = LOWERINGS.get(node.op)
        if function is None:
            raise InputError(
                "operation has no logic yet",
                file=graph.file,
                field=f"node {node.name}",
                value=node.op,
                remedy=f"known: {', '.join(sorted(LOWERINGS))}",
            )
        try:
            values = function(node, [tensors[name] for name in node.inputs])
        except InputError as error:
            if error.field is not None:
                raise
            raise InputError(
                error.problem,
                file=graph.file,
                field=f"node {node.name}",
                value=error.value,
                remedy=error.remedy,
            ) from error
        tensors[node.name] = LogicTensor(values, node.type)
    return {name: tensor.values for name, tensor in tensors.items()}


def array(values: list[Variable], shape: tuple[int, ...]) -> Variables:
    """An object array of ``shape`` (NumPy would look inside the variables)."""
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result.reshape(shape)


def cast_all(values: Variables, target: FixedType, shape: tuple[int, ...]) -> Variables:
    """Every element cast to ``target``, in ``shape``."""
    return array([cast(x, target) for x in values.ravel()], shape)


def constant(value: float, like: Variable | None = None) -> Variable:
    """A constant of the trace of ``like``, in real units."""
    from alkaid.trace import FVariable, HWConfig

    return FVariable.from_const(value, hwconf=like.hwconf if like is not None else HWConfig(*HARDWARE))


def real(data: Constant, bits: int = CONSTANT_BITS) -> NDArray[np.float64]:
    """A constant's values in real units; refuses mantissas that alkaid would cut."""
    values = data.data.astype(np.float64) * data.type.lsb
    for v in data.data.ravel():
        exact(int(v), bits)
    return values


def _fresh(node: Node) -> Variables:
    from alkaid.trace import FVariable, HWConfig

    kind = node.type
    if kind.width > VALUE_BITS:
        raise InputError(f"input of more than {VALUE_BITS} bits", field=f"node {node.name}", value=str(kind))
    make = [
        FVariable.from_kif(
            int(kind.signed), kind.integer - kind.signed, kind.fraction, hwconf=HWConfig(*HARDWARE)
        )
        for _ in range(node.size)
    ]
    return array(make, node.shape)


@lowering("constant")
def _constant(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([constant(v) for v in real(node.constants["value"]).ravel()], node.shape)


@lowering("cast")
def _cast(node: Node, inputs: list[LogicTensor]) -> Variables:
    (x,) = inputs
    types = node.attributes.get("types")
    if types is None:
        return cast_all(x.values, node.type, node.shape)
    return array(
        [cast(v, FixedType.parse(text)) for v, text in zip(x.values.ravel(), types, strict=True)], node.shape
    )


@lowering("scale_bias")
def _scale_bias(node: Node, inputs: list[LogicTensor]) -> Variables:
    (x,) = inputs
    scale = np.broadcast_to(real(node.constants["scale"], WEIGHT_BITS), node.shape).ravel()
    bias = np.broadcast_to(real(node.constants["bias"]), node.shape).ravel()
    return array(
        [
            cast(v * float(s) + float(b), node.type)
            for v, s, b in zip(x.values.ravel(), scale, bias, strict=True)
        ],
        node.shape,
    )


@lowering("relu")
def _relu(node: Node, inputs: list[LogicTensor]) -> Variables:
    kind = node.type
    # an unsigned type that saturates does it by itself: every rounding is monotone and keeps 0
    clips = not kind.signed and kind.overflow is Overflow.SAT
    return array([cast(v if clips else v.relu(), kind) for v in inputs[0].values.ravel()], node.shape)


def _pairs(node: Node, inputs: list[LogicTensor]) -> list[tuple[Variable, Variable]]:
    a, b = (np.broadcast_to(x.values, node.shape).ravel() for x in inputs)
    return list(zip(a, b, strict=True))


@lowering("add")
def _add(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([cast(a + b, node.type) for a, b in _pairs(node, inputs)], node.shape)


@lowering("subtract")
def _subtract(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([cast(a - b, node.type) for a, b in _pairs(node, inputs)], node.shape)


@lowering("multiply")
def _multiply(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([cast(_product(a, b), node.type) for a, b in _pairs(node, inputs)], node.shape)


def _product(a: Variable, b: Variable) -> Variable:
    """``a * b``; where one is a single bit, such as a mask, the other one or 0, and no multiplier."""
    for flag, value in ((a, b), (b, a)):
        if flag.low == 0 and flag.high == flag.step:
            return flag.msb_mux(value * float(flag.step), constant(0.0, value))
    return a * b


@lowering("maximum")
def _maximum(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([cast(a.max_of(b), node.type) for a, b in _pairs(node, inputs)], node.shape)


@lowering("minimum")
def _minimum(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array([cast(a.min_of(b), node.type) for a, b in _pairs(node, inputs)], node.shape)


@lowering("greater_equal")
def _greater_equal(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array(
        [cast(invert((a - b).is_negative()), node.type) for a, b in _pairs(node, inputs)], node.shape
    )


@lowering("concatenate")
def _concatenate(node: Node, inputs: list[LogicTensor]) -> Variables:
    return cast_all(
        np.concatenate([x.values for x in inputs], axis=node.attributes["axis"]), node.type, node.shape
    )


@lowering("reshape")
def _reshape(node: Node, inputs: list[LogicTensor]) -> Variables:
    return cast_all(inputs[0].values, node.type, node.shape)


@lowering("take")
def _take(node: Node, inputs: list[LogicTensor]) -> Variables:
    return cast_all(inputs[0].values.ravel()[node.attributes["index"]], node.type, node.shape)


@lowering("argmax")
def _argmax(node: Node, inputs: list[LogicTensor]) -> Variables:
    # a tournament in C order: the later element wins only if it is strictly larger
    entries = [(v, constant(float(i), v)) for i, v in enumerate(inputs[0].values.ravel())]
    while len(entries) > 1:
        entries = [
            entries[i] if i + 1 == len(entries) else _winner(entries[i], entries[i + 1])
            for i in range(0, len(entries), 2)
        ]
    return array([cast(entries[0][1], node.type)], node.shape)


def _winner(a: tuple[Variable, Variable], b: tuple[Variable, Variable]) -> tuple[Variable, Variable]:
    later = (a[0] - b[0]).is_negative()
    if later.low == later.high:
        return b if later.low else a
    return later.msb_mux(b[0], a[0]), later.msb_mux(b[1], a[1])
