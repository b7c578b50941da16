"""Which types of a network are free to be chosen, and what their values are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.converters.files import Types
from l1forge.firmware.hls.fidelity.layers import layer_of
from l1forge.firmware.hls.fidelity.run import run_rows
from l1forge.firmware.hls.objects import HlsLayer, HlsModel, HlsType

Convert = Callable[[Types, Mapping[str, Mapping[str, str]], str], tuple[Graph, Any]]
"""Types of the inputs, types of layers, default type -> the graph, and hls4ml's model of it."""

PASSIVE = (
    *("Activation", "ParametrizedActivation", "HardActivation", "PReLU", "Reshape", "Transpose"),
    *("Pooling1D", "Pooling2D", "UnaryLUT", "Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D"),
)
"""Layers that may read an exact sum as it is: they cast, or move elements, and multiply nothing."""
MOVING = ("Reshape", "Transpose", "Cropping1D", "Cropping2D")
WIDE = (
    FixedType(28, 14, True, Rounding.RND, Overflow.SAT),
    FixedType(30, 14, True, Rounding.RND, Overflow.SAT),
)
"""Two types that hold nearly everything: what differs between networks made with them is free."""
GUARD = 4
"""Fractional bits of a bias beyond those of the weights."""
LEAST, MOST = 2, 24
"""Widths of chosen types."""


@dataclass(frozen=True)
class TypedTensor:
    """A free type: ``key`` of ``layer`` (``result``, ``weight``, …); ``result`` of an input is its type.

    ``low`` .. ``high`` are its values. ``width`` and ``rounding`` are what the search changes.
    """

    layer: str
    key: str
    low: float
    high: float
    width: int = MOST
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.SAT
    is_input: bool = False

    @property
    def signed(self) -> bool:
        return self.low < 0 or self.key != "result"

    @property
    def integer(self) -> int:
        """Integer bits that hold the values (with the sign), also of fractions below one half."""
        top = max(self.high, -self.low, 0.0)
        bits = math.floor(math.log2(top)) + 1 if top > 0 else 0
        if self.low < 0 and -self.low == 2.0 ** (bits - 1) and self.high < -self.low:
            bits -= 1  # the smallest number of two's complement
        return bits + self.signed

    @property
    def type(self) -> FixedType:
        width = self.width + (GUARD if self.key == "bias" else 0)
        return FixedType(width, self.integer, self.signed, self.rounding, self.overflow)

    def narrower(self) -> TypedTensor:
        return replace(self, width=self.width - 1)


def free_tensors(convert: Convert, inputs: Types, values: Values) -> list[TypedTensor]:
    """The types that neither the model nor the user has fixed, inputs first, in the order of the layers.

    Parameters
    ----------
    inputs
        Types of the inputs that the user has given; none: they are free.
    values
        Runs a graph on the data.
    """
    first, second = (convert(inputs, {}, str(kind)) for kind in WIDE)
    graph, model = first
    seen = values(graph)
    tensors = [] if inputs else list(_inputs(graph, model, values.inputs))
    later = {node.name: node for node in second[1].get_layers()}
    outputs = {variable.name for variable in model.get_output_variables()}
    for node in model.get_layers():
        if node.class_name == "Input" or node.name not in later:
            continue
        weights = [
            key
            for key in node.weights
            if _differs(node.weights[key].type, later[node.name].weights[key].type)
        ]
        for key in weights:
            data = np.asarray(node.weights[key].data, dtype=np.float64)
            tensors.append(
                TypedTensor(node.name, key, float(data.min(initial=0)), float(data.max(initial=0)))
            )
        if _moves_an_input(node):
            continue
        if _result_is_free(node, later[node.name], bool(weights), outputs) and node.name in seen:
            low, high = seen[node.name]
            tensors.append(TypedTensor(node.name, "result", low, high))
    return tensors


@dataclass(frozen=True)
class Values:
    """Ranges of all layers of a graph on a sample: ``inputs`` by name, (n, size), physical values."""

    inputs: Mapping[str, NDArray[np.float64]]
    integers: Callable[[Graph], Mapping[str, NDArray[Any]]]

    def __call__(self, graph: Graph) -> dict[str, tuple[float, float]]:
        names = {layer_of(node): node.name for node in graph.nodes if node.op not in ("input", "constant")}
        taps = Graph(graph.name, graph.nodes, list(names.values()))
        found = run_rows(taps, self.integers(graph))
        return {
            layer: (
                float(found[name].min()) * graph[name].type.lsb,
                float(found[name].max()) * graph[name].type.lsb,
            )
            for layer, name in names.items()
        }


def _inputs(
    graph: Graph, model: HlsModel, arrays: Mapping[str, NDArray[np.float64]]
) -> Iterator[TypedTensor]:
    layers = [node.name for node in model.get_layers() if node.class_name == "Input"]
    for name, node in zip(layers, graph.inputs, strict=True):
        values = arrays[node.name]
        yield TypedTensor(name, "result", float(values.min()), float(values.max()), is_input=True)


def _moves_an_input(node: HlsLayer) -> bool:
    """Whether a layer holds elements of an input and nothing else: it has the input's type."""
    while node.class_name in MOVING:
        node = node.get_input_node()
    return bool(node.class_name == "Input")


def _differs(first: HlsType, second: HlsType) -> bool:
    return str(first.precision) != str(second.precision)


def _result_is_free(node: HlsLayer, later: HlsLayer, weighted: bool, outputs: set[str]) -> bool:
    """Whether nobody decides the type of a result, and keeping every bit of it would cost."""
    variable = node.get_output_variable()
    readers = [other for other in node.model.get_layers() if set(other.inputs) & set(node.outputs)]
    if weighted and any(reader.class_name == "Softmax" for reader in readers):
        return True
    if not _differs(variable.type, later.get_output_variable().type):
        return False
    precision = variable.type.precision
    if (precision.width, precision.integer) == (WIDE[0].width, WIDE[0].integer):
        return True
    return variable.name in outputs or not all(reader.class_name in PASSIVE for reader in readers)


def precision_of(tensors: Sequence[TypedTensor]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Types of the inputs, and of layers by use, as the converters take them."""
    inputs = {tensor.layer: str(tensor.type) for tensor in tensors if tensor.is_input}
    layers: dict[str, dict[str, str]] = {}
    for tensor in tensors:
        if not tensor.is_input:
            layers.setdefault(tensor.layer, {})[tensor.key] = str(tensor.type)
    return inputs, layers
