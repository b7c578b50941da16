"""An ONNX or QONNX graph as a list of operations, in the names and arguments of PyTorch's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError
from firmware.hls.frontend.program import Operation, Program, Value, refuse
from firmware.hls.frontend.quantised import Quant, Quantised

MOVES = {
    *(
        "Reshape",
        "Flatten",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Slice",
        "Split",
        "Gather",
        "Expand",
        "Tile",
    ),
    *("DepthToSpace", "SpaceToDepth", "GatherElements"),
}
SAME = {"Identity", "Dropout", "Cast"}
ELEMENTWISE = {
    **{"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign"},
    **{"Abs": "abs", "Neg": "neg", "HardSwish": "hardswish", "Selu": "selu", "PRelu": "prelu", "Pow": "pow"},
}
PAIRS = {
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "Div": "div",
    "Max": "maximum",
    "Min": "minimum",
    "Sum": "add",
}


def read_onnx(model: Any) -> Program:
    """The operations of a cleaned ``qonnx`` ``ModelWrapper`` whose first axis is a batch of one.

    Raises
    ------
    InputError
        If a node is not understood.
    """
    return _Reader(model).program


class _Reader:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.constants: dict[str, NDArray[Any] | Quantised] = {}
        self.values: dict[str, Value] = {}
        self.done: set[str] = set()
        self.matrices = 0
        for tensor in model.graph.initializer:
            self.constants[tensor.name] = np.asarray(model.get_initializer(tensor.name))
        inputs = [t.name for t in model.graph.input if t.name not in self.constants]
        self.program = Program([self.value(name) for name in inputs])
        self.values = {value.name: value for value in self.program.inputs}
        for node in model.graph.node:
            if node.name not in self.done:
                self._node(node)
        missing = [t.name for t in model.graph.output if t.name not in self.values]
        if missing:
            raise InputError("output does not depend on the inputs", field="output", value=missing[0])
        self.program.outputs = [self.values[t.name] for t in model.graph.output]

    def value(self, tensor: str) -> Value:
        shape = self.model.get_tensor_shape(tensor)
        if not shape or shape[0] != 1 or any(n < 1 for n in shape):
            raise refuse("shape is not (1, ...): the batch goes first", tensor, shape)
        return Value(tensor, tuple(int(n) for n in shape[1:]))

    def add(
        self, node: Any, kind: str, *arguments: Any, name: str = "", output: str = "", **options: Any
    ) -> None:
        result = self.value(output or node.output[0])
        made = Operation(name or node.name, kind, arguments, options, result)
        self.program.operations.append(made)
        self.values[result.name] = result

    def _node(self, node: Any) -> None:
        inputs = [self._argument(name) for name in node.input]
        kind = node.op_type
        if kind in ("Quant", "IntQuant"):
            self._quant(node, inputs)
        elif not any(isinstance(x, Value) for x in inputs):
            self._constant(node, inputs)
        elif kind in SAME:
            self.values[node.output[0]] = inputs[0]
        elif kind in MOVES:
            self._move(node, inputs[0])
        elif kind in PAIRS:
            self._pairs(node, inputs)
        elif kind in ELEMENTWISE:
            self.add(node, ELEMENTWISE[kind], *inputs)
        elif kind in READERS:
            READERS[kind](self, node, inputs)
        else:
            known = {*MOVES, *SAME, *PAIRS, *ELEMENTWISE, *READERS, "Quant"}
            remedy = f"known: {', '.join(sorted(known))}"
            raise refuse("hls4ml cannot convert this operation", node.name, kind, remedy)

    def _argument(self, name: str) -> Any:
        if not name:
            return None
        return self.values[name] if name in self.values else self.constants[name]

    def _quant(self, node: Any, inputs: list[Any]) -> None:
        x, *rest = inputs
        if any(isinstance(value, Value) for value in rest) or rest[2].size != 1 or rest[2] != int(rest[2]):
            raise refuse("scale, zero point and one whole number of bits must be constants", node.name)
        at = attributes(node)
        scale, zero = (np.asarray(v, dtype=np.float64) for v in rest[:2])
        quant = Quant(
            scale, zero, int(rest[2]), bool(at.get("signed", 1)), bool(at.get("narrow", 0)),
            str(at.get("rounding_mode", "ROUND")).upper(),
        ).check(node.name)  # fmt: skip
        if isinstance(x, Value):
            self.add(node, "quant", x, quant)
        else:
            self.constants[node.output[0]] = quant.constant(np.asarray(x, dtype=np.float64))

    def _constant(self, node: Any, inputs: list[Any]) -> None:
        """Constants that cleaning has not folded, because a quantiser comes before."""
        if node.op_type == "BipolarQuant":
            signs, scale = np.where(inputs[0] >= 0, 1.0, -1.0), np.asarray(inputs[1], dtype=np.float64)
            made = Quant(np.ones(1), np.zeros(1), 2, True, False, "ROUND").constant(signs)
            self.constants[node.output[0]] = Quantised(
                made.integers, np.broadcast_to(scale, signs.shape).copy(), made.kind
            )
        elif node.op_type in MOVES | SAME and isinstance(inputs[0], Quantised):
            self.constants[node.output[0]] = inputs[0].moved(lambda array: self._run(node, array)[0])
        else:
            values = inputs[0].values if isinstance(inputs[0], Quantised) else inputs[0]
            self.constants[node.output[0]] = self._run(node, values)[0]

    def _run(self, node: Any, first: NDArray[Any]) -> list[NDArray[Any]]:
        """The node's results with another first input, by ONNX's own reference."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        fed = {name: self._argument(name) for name in node.input[1:] if name} | {node.input[0]: first}
        kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(np.asarray(v).dtype) for name, v in fed.items()}
        graph = onnx.helper.make_graph(
            [node], "one",
            [onnx.helper.make_tensor_value_info(n, kinds[n], np.shape(v)) for n, v in fed.items()],
            [onnx.helper.make_tensor_value_info(n, kinds[node.input[0]], None) for n in node.output],
        )  # fmt: skip
        alone = onnx.helper.make_model(graph, opset_imports=self.model.model.opset_import)
        made: list[NDArray[Any]] = ReferenceEvaluator(alone).run(None, fed)
        return made

    def _move(self, node: Any, source: Value) -> None:
        """Element numbers sent through the node: which elements the result holds."""
        numbers = np.arange(source.size, dtype=np.int64).reshape(1, *source.shape)
        for output, moved in zip(node.output, self._run(node, numbers), strict=True):
            result = self.value(output)
            name = node.name if len(node.output) == 1 else output
            made = Operation(name, "move", (source,), {}, result, np.asarray(moved).ravel())
            self.program.operations.append(made)
            self.values[output] = result

    def _pairs(self, node: Any, inputs: list[Any]) -> None:
        """Two operands at a time; all partial results have the shape of the result."""
        total = inputs[0]
        for k, other in enumerate(inputs[1:]):
            if k < len(inputs) - 2:
                part = Value(f"{node.output[0]}_{k}", self.value(node.output[0]).shape)
                self.program.operations.append(
                    Operation(f"{node.name}_{k}", PAIRS[node.op_type], (total, other), {}, part)
                )
                total = part
            else:
                self.add(node, PAIRS[node.op_type], total, other)

    def follower(self, output: str, kind: str) -> Any | None:
        """The only reader of a tensor, if it is of that kind."""
        readers = [node for node in self.model.graph.node if output in node.input]
        is_output = output in {t.name for t in self.model.graph.output}
        return readers[0] if len(readers) == 1 and readers[0].op_type == kind and not is_output else None

    def linear(self, node: Any, x: Value, weight: Any, bias: Any = None) -> None:
        """A dense layer; a constant that is added next is its bias. ``weight`` is (outputs, inputs)."""
        output = node.output[0]
        after = self.follower(output, "Add") if bias is None else None
        if after is not None:
            other = next(name for name in after.input if name != output)
            constant = self._constant_before(other)
            if constant is not None and np.size(_plain(constant)) in (1, len(_plain(weight))):
                bias, output = constant, after.output[0]
                self.done.add(after.name)
        if bias is not None:
            size = len(_plain(weight))

            def spread(array: NDArray[Any]) -> NDArray[Any]:
                return np.broadcast_to(np.ravel(array), (size,)).copy()

            bias = bias.moved(spread) if isinstance(bias, Quantised) else spread(bias)
        name = f"Dense_MatMul_{self.matrices}"  # what hls4ml calls it, for Gemm too
        self.matrices += 1
        self.add(node, "linear", x, weight, bias, name=name, output=output)

    def _constant_before(self, name: str) -> Any:
        """A constant, also one whose quantiser has not been reached yet."""
        producer = self.model.find_producer(name)
        quantised = producer is not None and producer.op_type in ("Quant", "IntQuant")
        if name not in self.constants and quantised and producer.input[0] in self.constants:
            self._node(producer)
            self.done.add(producer.name)
        return self.constants.get(name)


def attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    found = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}


def _plain(value: Any) -> NDArray[Any]:
    return value.values if isinstance(value, Quantised) else np.asarray(value)


def _turned(weight: Any) -> Any:
    return weight.moved(np.transpose) if isinstance(weight, Quantised) else np.asarray(weight).T


def _matmul(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    x, y = inputs
    if isinstance(x, Value) and not isinstance(y, Value) and _plain(y).ndim == 2:
        reader.linear(node, x, _turned(y))
    else:
        reader.add(node, "matmul", *inputs)


def _gemm(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    x, weight, bias = (*inputs, None)[:3]
    if at.get("transA", 0) or not isinstance(x, Value) or isinstance(weight, Value):
        raise refuse("only a tensor times constant weights", node.name, "Gemm")
    weight = weight if at.get("transB", 0) else _turned(weight)
    for key in ("alpha", "beta"):
        factor = float(at.get(key, 1.0))
        value = weight if key == "alpha" else bias
        if factor != 1 and value is not None:
            scaled = (
                Quantised(value.integers, value.scale * factor, value.kind)
                if isinstance(value, Quantised)
                else np.asarray(value) * factor
            )
            weight, bias = (scaled, bias) if key == "alpha" else (weight, scaled)
    reader.linear(node, x, weight, bias)


def _convolution(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    x, weight, bias = (*inputs, None)[:3]
    rank = len(x.shape) - 1
    stride = list(at.get("strides", [1] * rank))
    dilation = list(at.get("dilations", [1] * rank))
    kernel = [(n - 1) * d + 1 for n, d in zip(_plain(weight).shape[2:], dilation, strict=True)]
    reader.add(
        node, f"conv{rank}d", x, weight, bias, stride, _pads(reader, node, x, kernel, stride), dilation,
        int(at.get("group", 1)),
    )  # fmt: skip


def _pads(reader: _Reader, node: Any, x: Value, kernel: list[int], stride: list[int]) -> list[int]:
    """Padding before each axis; what comes behind follows from the result's shape."""
    at = attributes(node)
    automatic = str(at.get("auto_pad", "NOTSET"))
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        result = reader.value(node.output[0]).shape[1:]
        totals = [
            max((m - 1) * s + k - n, 0)
            for n, m, s, k in zip(x.shape[1:], result, stride, kernel, strict=True)
        ]
        return [(t + (automatic == "SAME_LOWER")) // 2 for t in totals]
    return list(at.get("pads", [0] * 2 * len(kernel)))[: len(kernel)]


def _pool(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    x = inputs[0]
    kernel = list(at["kernel_shape"])
    stride = list(at.get("strides", [1] * len(kernel)))
    pads = _pads(reader, node, x, kernel, stride)
    ceil = bool(at.get("ceil_mode", 0))
    if node.op_type == "MaxPool":
        dilation = list(at.get("dilations", [1]))
        reader.add(node, f"max_pool{len(kernel)}d", x, kernel, stride, pads, dilation, ceil)
    else:
        counted = bool(at.get("count_include_pad", 0))
        reader.add(node, f"avg_pool{len(kernel)}d", x, kernel, stride, pads, ceil, counted)


def _global_pool(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    kind = "max" if node.op_type == "GlobalMaxPool" else "avg"
    reader.add(node, f"adaptive_{kind}_pool{len(inputs[0].shape) - 1}d", inputs[0], 1)


def _reduce(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    axes = inputs[1] if len(inputs) > 1 and inputs[1] is not None else at.get("axes")
    if axes is None:
        raise refuse("reduces the batch axis too", node.name, node.op_type, "give the axes")
    kind = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax"}[node.op_type]
    reader.add(node, kind, inputs[0], [int(a) for a in np.ravel(axes)], bool(at.get("keepdims", 1)))


def _batch_norm(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    x, scale, bias, mean, variance = inputs
    eps = float(attributes(node).get("epsilon", 1e-5))
    reader.add(node, "batch_norm", x, mean, variance, scale, bias, eps=eps)


def _softmax(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    version = max(o.version for o in reader.model.model.opset_import if o.domain in ("", "ai.onnx"))
    axis = int(attributes(node).get("axis", -1 if version >= 13 else 1))
    if version < 13 and axis % (len(inputs[0].shape) + 1) != len(inputs[0].shape):
        raise refuse("softmax over several axes (opset below 13)", node.name, axis)
    reader.add(node, "softmax", inputs[0], axis)


def _clip(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    low, high = (*inputs[1:], None, None)[:2]
    limits = at.get("min") if low is None else low, at.get("max") if high is None else high
    reader.add(node, "clamp", inputs[0], *limits)


def _pad(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    at = attributes(node)
    pads = [int(p) for p in np.ravel(inputs[1] if len(inputs) > 1 else at["pads"])]
    value = inputs[2] if len(inputs) > 2 and inputs[2] is not None else at.get("value", 0.0)
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    flat = [p for pair in zip(before[::-1], after[::-1], strict=True) for p in pair]  # last axis first
    while flat and not any(flat[-2:]):
        flat = flat[:-2]
    reader.add(node, "pad", inputs[0], flat or [0, 0], str(at.get("mode", "constant")), value)


def _with(kind: str, **defaults: float) -> Callable[[_Reader, Any, list[Any]], None]:
    """An activation whose attributes are arguments, with ONNX's defaults."""

    def read(reader: _Reader, node: Any, inputs: list[Any]) -> None:
        at = attributes(node)
        reader.add(node, kind, inputs[0], *(float(at.get(key, value)) for key, value in defaults.items()))

    return read


def _threshold(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    reader.add(node, "threshold", inputs[0], float(attributes(node).get("alpha", 1.0)), 0)


def _bipolar(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    reader.add(node, "bipolar", inputs[0], np.asarray(inputs[1], dtype=np.float64))


def _concat(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    reader.add(node, "cat", inputs, int(attributes(node)["axis"]))


def _einsum(reader: _Reader, node: Any, inputs: list[Any]) -> None:
    reader.add(node, "einsum", attributes(node)["equation"], *inputs)


READERS: dict[str, Callable[[_Reader, Any, list[Any]], None]] = {
    "MatMul": _matmul, "Gemm": _gemm, "Conv": _convolution, "MaxPool": _pool, "AveragePool": _pool,
    "GlobalMaxPool": _global_pool, "GlobalAveragePool": _global_pool, "ReduceMean": _reduce,
    "ReduceSum": _reduce, "ReduceMax": _reduce, "BatchNormalization": _batch_norm, "Softmax": _softmax,
    "Clip": _clip, "Pad": _pad, "Elu": _with("elu", alpha=1.0), "LeakyRelu": _with("leaky_relu", alpha=0.01),
    "HardSigmoid": _with("hardsigmoid", alpha=0.2, beta=0.5), "ThresholdedRelu": _threshold,
    "BipolarQuant": _bipolar, "Concat": _concat, "Einsum": _einsum,
}  # fmt: skip
