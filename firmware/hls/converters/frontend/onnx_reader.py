"""An ONNX or QONNX graph as a list of operations, in the names and arguments of PyTorch's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.frontend.layers import REMEDIES
from l1forge.firmware.hls.converters.frontend.onnx_nodes import READERS, attributes, plain_values
from l1forge.firmware.hls.converters.frontend.program import Operation, Program, Value, refuse
from l1forge.firmware.hls.converters.frontend.quantised import Quant, Quantised

if TYPE_CHECKING:
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

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
SAME = {"Identity", "Dropout"}
ELEMENTWISE = {
    **{"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign"},
    **{"Abs": "abs", "Neg": "neg", "HardSwish": "hardswish", "Selu": "selu", "PRelu": "prelu", "Pow": "pow"},
    **{"Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Erf": "erf", "Sin": "sin"},
    **{"Cos": "cos", "Not": "logical_not", "Where": "where", "And": "and", "Or": "or", "Xor": "xor"},
    **{"Equal": "eq", "Greater": "gt", "GreaterOrEqual": "ge", "Less": "lt", "LessOrEqual": "le"},
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


def read_onnx(model: ModelWrapper) -> Program:
    """The operations of a cleaned ``qonnx`` ``ModelWrapper`` whose first axis is a batch of one.

    Raises
    ------
    InputError
        If a node is not understood.
    """
    return OnnxReader(model).program


class OnnxReader:
    """Walks the graph in order; ``onnx_nodes`` knows the nodes with arguments of their own."""

    def __init__(self, model: ModelWrapper) -> None:
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
            raise refuse(
                "shape is not (1, ...): the batch goes first", tensor, shape,
                "keep the batch first; PyTorch's attention and recurrent layers, whose ONNX has the steps"
                " there, are read from files of torch.save",
            )  # fmt: skip
        return Value(tensor, tuple(int(n) for n in shape[1:]))

    def add(
        self, node: NodeProto, kind: str, *arguments: Any, name: str = "", output: str = "", **options: Any
    ) -> None:
        result = self.value(output or node.output[0])
        made = Operation(name or node.name, kind, arguments, options, result)
        self.program.operations.append(made)
        self.values[result.name] = result

    def _node(self, node: NodeProto) -> None:
        inputs = [self._argument(node, name) for name in node.input]
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
            remedy = REMEDIES.get(kind.lower(), f"known: {', '.join(sorted(known))}")
            raise refuse("hls4ml cannot convert this operation", node.name, kind, remedy)

    def _argument(self, node: NodeProto, name: str) -> Any:
        if not name:
            return None
        if name in self.values:
            return self.values[name]
        if name not in self.constants:
            raise refuse("no input, constant or node before it gives this tensor", node.name, name)
        return self.constants[name]

    def _quant(self, node: NodeProto, inputs: list[Any]) -> None:
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

    def _constant(self, node: NodeProto, inputs: list[Any]) -> None:
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

    def _run(self, node: NodeProto, first: NDArray[Any]) -> list[NDArray[Any]]:
        """The node's results with another first input, by ONNX's own reference."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        fed = {name: self._argument(node, name) for name in node.input[1:] if name} | {node.input[0]: first}
        kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(np.asarray(v).dtype) for name, v in fed.items()}
        graph = onnx.helper.make_graph(
            [node], "one",
            [onnx.helper.make_tensor_value_info(n, kinds[n], np.shape(v)) for n, v in fed.items()],
            [onnx.helper.make_tensor_value_info(n, kinds[node.input[0]], None) for n in node.output],
        )  # fmt: skip
        alone = onnx.helper.make_model(graph, opset_imports=self.model.model.opset_import)
        made: list[NDArray[Any]] = ReferenceEvaluator(alone).run(None, fed)
        return made

    def _move(self, node: NodeProto, source: Value) -> None:
        """Element numbers sent through the node: which elements the result holds."""
        numbers = np.arange(source.size, dtype=np.int64).reshape(1, *source.shape)
        for output, moved in zip(node.output, self._run(node, numbers), strict=True):
            result = self.value(output)
            name = node.name if len(node.output) == 1 else output
            made = Operation(name, "move", (source,), {}, result, np.asarray(moved).ravel())
            self.program.operations.append(made)
            self.values[output] = result

    def _pairs(self, node: NodeProto, inputs: list[Any]) -> None:
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

    def linear(self, node: NodeProto, x: Value, weight: Any, bias: Any = None) -> None:
        """A dense layer; a constant that is added next is its bias. ``weight`` is (outputs, inputs)."""
        output = node.output[0]
        after = self.follower(output, "Add") if bias is None else None
        if after is not None:
            other = next(name for name in after.input if name != output)
            constant = self._constant_before(other)
            if constant is not None and np.size(plain_values(constant)) in (1, len(plain_values(weight))):
                bias, output = constant, after.output[0]
                self.done.add(after.name)
        if bias is not None:
            size = len(plain_values(weight))

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
