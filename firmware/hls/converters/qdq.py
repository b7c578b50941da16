"""QuantizeLinear and DequantizeLinear of ONNX as QONNX's Quant, which says the same in one node.

Both round half to even and saturate at the ends of the integer type. A Clip of the integers between the two
(as Brevitas writes for types that ONNX lacks) narrows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.program import refuse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from onnx import GraphProto, NodeProto

QONNX = "qonnx.custom_op.general"
INTEGERS = {
    **{"INT2": (2, True), "INT4": (4, True), "INT8": (8, True), "INT16": (16, True), "INT32": (32, True)},
    **{"UINT2": (2, False), "UINT4": (4, False), "UINT8": (8, False), "UINT16": (16, False)},
}
"""Bits and sign of ONNX's integer types."""

ON_INTEGERS = {
    *("QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "DynamicQuantizeLinear"),
    *("QGemm", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearGlobalAveragePool"),
}
EXPORT = "export in QDQ format, for example with onnxruntime.quantization's QuantFormat.QDQ"


def fuse_pairs(graph: GraphProto) -> None:
    """Replace each DequantizeLinear of an ONNX graph, with the QuantizeLinear before it, by a Quant.

    Raises
    ------
    InputError
        Names the node: scales that are not constant or differ between the two, integers that something else
        reads, formats that calculate with integers.
    """
    for node in graph.node:
        if node.op_type in ON_INTEGERS:
            raise refuse(
                "calculates with integers of another layer's scale", _name(node), node.op_type, EXPORT
            )
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in graph.node):
        _Pairs(graph).fuse()


def _name(node: NodeProto) -> str:
    return str(node.name or node.output[0])


class _Pairs:
    """The constants and writers of a graph."""

    def __init__(self, graph: GraphProto) -> None:
        from onnx import numpy_helper

        self.graph = graph
        self.constants: dict[str, NDArray[Any]] = {}
        self.kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
        for tensor in graph.initializer:
            self.constants[tensor.name] = numpy_helper.to_array(tensor)
        self.writers = {name: node for node in graph.node for name in node.output}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
                self.kinds[node.output[0]] = node.attribute[0].t.data_type
        self.count = 0

    def fuse(self) -> None:
        nodes: list[Any] = []
        for node in self.graph.node:
            nodes += self._quant(node) if node.op_type == "DequantizeLinear" else [node]
        read = {name for node in nodes for name in node.input} | {t.name for t in self.graph.output}
        while True:  # what only led to integers is not read any more
            dead = [
                node
                for node in nodes
                if node.op_type in ("QuantizeLinear", "Clip") and not read & {*node.output}
            ]
            if not dead:
                break
            nodes = [node for node in nodes if node not in dead]
            read = {name for node in nodes for name in node.input} | {t.name for t in self.graph.output}
        for node in nodes:
            if node.op_type == "QuantizeLinear":
                reader = next((n for n in nodes if {*node.output} & {*n.input}), None)
                told = reader.op_type if reader is not None else "an output of the network"
                raise refuse("its integers are read without DequantizeLinear", _name(node), told, EXPORT)
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def _quant(self, node: NodeProto) -> list[Any]:
        """The Quant that stands for a DequantizeLinear and what comes before it.

        QONNX adds the zero point before it rounds, ONNX behind: with an odd one a tie goes the other way. So
        activations with a zero point are cut off where the integers end, and rounded without it.
        """
        from onnx import helper

        source, limits = node.input[0], None
        before = self.writers.get(source)
        if before is not None and before.op_type == "Clip":
            limits = self._limits(before)
            source = before.input[0]
            before = self.writers.get(source)
        if before is not None and before.op_type == "QuantizeLinear":
            kind = self._kind(before)
            for place, what in ((1, "scale"), (2, "zero point")):
                one, other = (self._constant(n, place, what) for n in (before, node))
                if one.shape != other.shape or (one != other).any():
                    told = f"{what} differs from that of {_name(before)}"
                    raise refuse(told, _name(node), None, "quantise and dequantise with the same constants")
            source, rank = before.input[0], self._rank(before, node)
        elif source in self.constants:
            kind, rank = self._elements(node, self.kinds[source]), self.constants[source].ndim
        else:
            raise refuse(
                "reads integers that no QuantizeLinear has written", _name(node), node.input[0],
                "begin the network with floats and QuantizeLinear",
            )  # fmt: skip
        scale, zero = (self._spread(node, p, w, rank) for p, w in ((1, "scale"), (2, "zero point")))
        bits, signed = kind
        narrow = False
        if source in self.constants and source == node.input[0]:
            integers = self.constants[source].astype(np.float64)
            if bits == 32:  # a bias: as many bits as it needs
                ends = int(integers.min()), int(integers.max())
                bits = max(end.bit_length() if end >= 0 else (-end - 1).bit_length() for end in ends) + 1
            source = self._add(f"{source}_values", (integers - zero) * scale)
        if limits is not None:
            bits, signed, narrow = _clipped(limits, _name(node))
        name = _name(node)
        cut: list[Any] = []
        if before is not None and zero.any():
            limits = _ends(bits, signed, narrow, zero, scale, name)
            bits, signed, narrow = max(limits[1].bit_length(), (~limits[0]).bit_length()) + 1, True, False
            if limits != (-(1 << (bits - 1)), (1 << (bits - 1)) - 1):
                cuts = [self._add(f"{name}_end", end * scale.max()) for end in limits]
                cut = [helper.make_node("Clip", [source, *cuts], [f"{name}_cut"], name=f"{name}_cut")]
                source = f"{name}_cut"
            zero = np.zeros(())
        inputs = [source, *(self._add(f"{name}_{w}", v) for w, v in (("scale", scale), ("zero", zero)))]
        inputs.append(self._add(f"{name}_bits", np.float64(bits)))
        quant = helper.make_node(
            "Quant", inputs, list(node.output), name=name, domain=QONNX,
            signed=int(signed), narrow=int(narrow), rounding_mode="ROUND",
        )  # fmt: skip
        return [*cut, quant]

    def _add(self, name: str, values: ArrayLike) -> str:
        from onnx import numpy_helper

        self.count += 1
        free = f"{name}_{self.count}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), free))
        return free

    def _constant(self, node: NodeProto, place: int, what: str) -> NDArray[Any]:
        """A scale or zero point; a zero point that is not given is 0."""
        if len(node.input) <= place or not node.input[place]:
            return np.zeros(self._constant(node, 1, "scale").shape)
        if node.input[place] not in self.constants:
            raise refuse(f"{what} is not constant", _name(node), node.input[place], "use static quantisation")
        return np.asarray(self.constants[node.input[place]], dtype=np.float64)

    def _spread(self, node: NodeProto, place: int, what: str, rank: int | None) -> NDArray[Any]:
        """One number, or the numbers of an axis in the shape that broadcasts to the tensor's."""
        values = self._constant(node, place, what)
        attributes = {a.name: a.i for a in node.attribute}
        if values.size == 1:
            return values.reshape(())
        if values.ndim != 1 or attributes.get("block_size", 0):
            raise refuse("scales of blocks are not supported", _name(node), None, "use one for each channel")
        if rank is None:
            raise refuse("the shape of its input is not known", _name(node), None, "infer shapes first")
        shape = [1] * rank
        shape[attributes.get("axis", 1)] = values.size
        return values.reshape(shape)

    def _kind(self, node: NodeProto) -> tuple[int, bool]:
        """The integers that a QuantizeLinear writes: those of its zero point, else as it says, else uint8."""
        attributes = {a.name: a.i for a in node.attribute}
        if len(node.input) > 2 and node.input[2]:
            return self._elements(node, self.kinds.get(node.input[2], 0))
        return self._elements(node, attributes.get("output_dtype", 0) or 2)

    @staticmethod
    def _elements(node: NodeProto, kind: int) -> tuple[int, bool]:
        from onnx import TensorProto

        name = TensorProto.DataType.Name(kind)
        if name not in INTEGERS:
            raise refuse("is not of integers that fixed-point types can be", _name(node), name)
        return INTEGERS[name]

    def _rank(self, *nodes: NodeProto) -> int | None:
        """Axes of what the first node reads or writes."""
        if nodes[0].input[0] in self.constants:
            return self.constants[nodes[0].input[0]].ndim
        names = {name for node in nodes for name in (node.input[0], node.output[0])}
        for tensor in (*self.graph.value_info, *self.graph.input, *self.graph.output):
            if tensor.name in names and tensor.type.tensor_type.HasField("shape"):
                return len(tensor.type.tensor_type.shape.dim)
        return None

    def _limits(self, node: NodeProto) -> tuple[int, int]:
        ends = [self.constants.get(name) for name in node.input[1:3]]
        if len(ends) != 2 or any(end is None or end.size != 1 for end in ends):
            raise refuse("the limits of the integers are not constant", _name(node))
        low, high = (int(np.asarray(end).ravel()[0]) for end in ends)
        return low, high


def _ends(
    bits: int, signed: bool, narrow: bool, zero: NDArray[Any], scale: NDArray[Any], name: str
) -> tuple[int, int]:
    """The smallest and largest integer less the zero point."""
    for what, values in (("zero points", zero), ("scales beside a zero point", scale)):
        if (values != values.flat[0]).any():
            raise refuse(f"{what} differ", name, None, "use one for all channels of an activation")
    shift = int(zero.flat[0])
    return (-(1 << (bits - 1)) + narrow if signed else 0) - shift, (1 << (bits - signed)) - 1 - shift


def _clipped(limits: tuple[int, int], name: str) -> tuple[int, bool, bool]:
    """Bits, sign and narrow range of the integers between two limits."""
    low, high = limits
    bits = high.bit_length() + (low < 0)
    for narrow in (False, True):
        if (low, high) == (
            (-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1) if low else (0, (1 << bits) - 1)
        ):
            return bits, low < 0, narrow and low < 0
    raise refuse(
        "limits are not those of an integer type", name, limits, "clip to −2^n .. 2^n−1 or 0 .. 2^n−1"
    )
