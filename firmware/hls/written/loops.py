"""Large operations as loops over arrays: the expressions of ``statements``, once for all elements.

g++ would need minutes for thousands of statements on ap_fixed. Vitis unrolls the loops of a pipelined
function completely, so that the circuit is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.written.statements import BINARY, Scope, cpp_type, places

MANY = 32
"""Elements from which on an operation is a loop."""
Loop = Callable[[Node, Sequence[str], Scope], str]
LOOPS: dict[str, Loop] = {}


def loop(*operations: str) -> Callable[[Loop], Loop]:
    """Register the expression of element ``i`` of ``operations``, given the arrays of the inputs."""

    def register(function: Loop) -> Loop:
        LOOPS.update(dict.fromkeys(operations, function))
        return function

    return register


def looped(node: Node) -> bool:
    """Whether a node is written as a loop."""
    return node.size >= MANY and "types" not in node.attributes and (node.op in LOOPS or node.op == "dense")


def write(node: Node, arrays: Sequence[str], result: str, scope: Scope) -> list[str]:
    """The statements that fill the array ``result``; ``arrays`` are those of the inputs."""
    if node.op == "dense":
        return _dense(node, arrays[0], result, scope)
    expression = LOOPS[node.op](node, arrays, scope)
    return [f"    for (int i = 0; i < {node.size}; i++) {result}[i] = {expression};"]


def _dense(node: Node, x: str, result: str, scope: Scope) -> list[str]:
    kind = cpp_type(node.accumulator())
    weight, bias = node.constants["weight"], node.constants["bias"]
    n_in, n_out = weight.data.shape
    factors, starts = scope.table(weight), scope.table(bias)
    factor, start = (f"raw<{cpp_type(constant.type)} >" for constant in (weight, bias))
    return [
        f"    for (int p = 0; p < {node.size // n_out}; p++)",
        f"        for (int j = 0; j < {n_out}; j++) {{",
        f"            {kind} total = {kind}({start}({starts}[j]));",
        f"            for (int i = 0; i < {n_in}; i++)",
        f"                if ({factors}[i * {n_out} + j] != 0)",
        f"                    total = {kind}(total + {kind}({x}[p * {n_in} + i]"
        f" * {factor}({factors}[i * {n_out} + j])));",
        f"            {result}[p * {n_out} + j] = total;",
        "        }",
    ]


def _at(array: str, numbers: Sequence[int], scope: Scope) -> str:
    """Element ``numbers[i]`` of an array."""
    if list(numbers) == list(range(len(numbers))):
        return f"{array}[i]"
    return f"{array}[{scope.numbers(numbers)}[i]]"


@loop(*BINARY)
def _binary(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    a, b = (_at(array, found, scope) for array, found in zip(arrays, places(node, scope.graph), strict=True))
    return BINARY[node.op].format(a=a, b=b, t=cpp_type(node.type))


@loop("cast", "reshape")
def _copy(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    return f"{arrays[0]}[i]"


@loop("take")
def _take(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    return _at(arrays[0], node.attributes["index"], scope)


@loop("relu")
def _relu(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    kind = cpp_type(node.type)
    return f"{arrays[0]}[i] > 0 ? {kind}({arrays[0]}[i]) : {kind}(0)"


@loop("square")
def _square(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    return f"{arrays[0]}[i] * {arrays[0]}[i]"


@loop("scale_bias")
def _scale_bias(node: Node, arrays: Sequence[str], scope: Scope) -> str:
    parts = []
    for key in ("scale", "bias"):
        held = node.constants[key]
        whole = Constant(held.type, np.broadcast_to(held.data, node.shape).ravel())
        parts.append(f"raw<{cpp_type(held.type)} >({scope.table(whole)}[i])")
    return f"{arrays[0]}[i] * {parts[0]} + {parts[1]}"
