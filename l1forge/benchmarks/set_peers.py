"""Networks on sets of constituents as float32 ONNX models, what ONNX Runtime needs for them on one thread.

The peer starts from ready features and presence in float32; ours starts from the integers of the hardware.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph

Array = NDArray[Any]


def onnx_sets(graph: Graph) -> Callable[[Array, Array], Array]:
    """The network of a graph of ``models.jet_sets``: features (n, slots, 3), presence (n, slots) in."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = _Model(graph).bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda x, present: np.asarray(session.run(None, {"x": x, "present": present[:, :, None]})[0])


class _Model:
    """Collects ONNX nodes; each method returns the name of its result."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.slots = graph, graph.inputs[0].size
        self.names = {node.name for node in graph.nodes}
        self.nodes: list[Any] = []
        self.held: list[Any] = []

    def bytes(self) -> bytes:
        """The whole model."""
        import onnx
        from onnx import TensorProto, helper

        h, i = "x", 0
        while f"phi_{i}_sum" in self.names:
            total = self._dense(f"phi_{i}", h)
            if i == 0 and "message_sum" in self.names:
                total = self._add("Add", total, self._dense("message", self._messages()))
            h, i = self._add("Relu", total), i + 1
        h = self._summed(self._add("Mul", h, "present"), 1)
        i = 0
        while f"rho_{i}_sum" in self.names:
            h, i = self._add("Relu", self._dense(f"rho_{i}", h)), i + 1
        result = self._dense("logits", h)
        kinds = {"x": ["n", self.slots, 3], "present": ["n", self.slots, 1]}
        text = helper.make_graph(
            self.nodes,
            "peer",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in kinds.items()],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", "classes"])],
            self.held,
        )
        model = helper.make_model(text, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _messages(self) -> str:
        """Every constituent's messages from the others, summed."""
        others = np.array([[j for j in range(self.slots) if j != i] for i in range(self.slots)], np.int64)
        index = self._constant(others)
        to = self._add("Unsqueeze", self._dense("receiver", "x"), self._constant(np.array([2], np.int64)))
        of = self._add("Gather", self._dense("sender", "x"), index, axis=1)
        edge = self._add("Relu", self._add("Add", to, of))
        return self._summed(self._add("Mul", edge, self._add("Gather", "present", index, axis=1)), 2)

    def _dense(self, name: str, x: str) -> str:
        constants = self.graph[f"{name}_sum"].constants
        weight, bias = (constants[key].data * constants[key].type.lsb for key in ("weight", "bias"))
        product = self._add("MatMul", x, self._constant(weight.astype(np.float32)))
        return self._add("Add", product, self._constant(bias.astype(np.float32))) if bias.any() else product

    def _summed(self, x: str, axis: int) -> str:
        return self._add("ReduceSum", x, self._constant(np.array([axis], np.int64)), keepdims=0)

    def _add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def _constant(self, values: Array) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.held)}"
        self.held.append(numpy_helper.from_array(values, name))
        return name
