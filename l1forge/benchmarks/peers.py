"""The same events through other people's code. Each peer is a context manager that yields a callable."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import cast
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.reference import EVALUATORS, Tensor

Array = NDArray[Any]
Call = Callable[[Array], Any]


def numpy_int64(graph: Graph) -> Call:
    """Matrix products of NumPy on int64 and the reference's casts: rows (n, inputs) to the first output."""
    program = graph.subgraph(graph.outputs[:1])

    def run(x: Array) -> Array:
        tensors: dict[str, Tensor] = {}
        for node in program.nodes:
            inputs = [tensors[name] for name in node.inputs]
            if node.op == "input":
                values = x.astype(np.int64)
            elif node.op == "dense":
                values = _int64_dense(node, inputs[0])
            else:
                values = EVALUATORS[node.op](node, inputs)
            tensors[node.name] = Tensor(values, node.type)
        return tensors[program.outputs[0]].values

    return run


def _int64_dense(node: Node, x: Tensor) -> Array:
    weight, bias, accum = node.constants["weight"], node.constants["bias"], node.accumulator()
    fraction = x.type.fraction + weight.type.fraction
    total = x.values @ weight.data << accum.fraction - fraction
    return cast(total + cast(bias.data, bias.type.fraction, accum), accum.fraction, node.type)


def onnx_float32(graph: Graph) -> Call:
    """The chain of dense layers as a float32 ONNX model, one thread: rows (n, inputs) float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_onnx_model(graph), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def _onnx_model(graph: Graph) -> bytes:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    program = graph.subgraph(graph.outputs[:1])
    nodes, weights, last = [], [], "x"

    def constant(name: str, node: Node, key: str) -> str:
        held = node.constants[key]
        weights.append(
            numpy_helper.from_array((held.data * held.type.lsb).astype(np.float32), f"{name}_{key}")
        )
        return f"{name}_{key}"

    for i, node in enumerate(program.nodes):
        name = f"n{i}"
        if node.op == "scale_bias":
            nodes.append(helper.make_node("Mul", [last, constant(name, node, "scale")], [f"{name}_m"]))
            nodes.append(helper.make_node("Add", [f"{name}_m", constant(name, node, "bias")], [name]))
        elif node.op == "dense":
            keys = [constant(name, node, key) for key in ("weight", "bias")]
            nodes.append(helper.make_node("Gemm", [last, *keys], [name]))
        elif node.op == "relu":
            nodes.append(helper.make_node("Relu", [last], [name]))
        elif node.op == "square":
            nodes.append(helper.make_node("Mul", [last, last], [name]))
        elif node.op == "sum":
            weights.append(numpy_helper.from_array(np.array([1], np.int64), f"{name}_axes"))
            nodes.append(helper.make_node("ReduceSum", [last, f"{name}_axes"], [name]))
        elif node.op == "argmax":
            nodes.append(helper.make_node("ArgMax", [last], [name], axis=1))
        else:
            continue
        last = name
    result = TensorProto.INT64 if program.nodes[-1].op == "argmax" else TensorProto.FLOAT
    text = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", graph.inputs[0].size])],
        [helper.make_tensor_value_info(last, result, ["n", program.nodes[-1].size])],
        weights,
    )
    model = helper.make_model(text, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def onnx_images(graph: Graph, shape: tuple[int, int], kernel: int) -> Call:
    """A network of one convolution and dense layers in float32, one thread: rows (n, pixels) float32.

    ``shape``: of the image; ``kernel``: side of the square window and its stride. The weights of the first
    dense layer are in ONNX's order of channels, so that nothing is transposed while it runs.
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    layers = [node for node in graph.subgraph(graph.outputs[:1]).nodes if node.op == "dense"]
    held = [[node.constants[key] for key in ("weight", "bias")] for node in layers]
    real = [[(c.data * c.type.lsb).astype(np.float32) for c in pair] for pair in held]
    filters = real[0][0].shape[1]
    real[0][0] = real[0][0].reshape(kernel, kernel, 1, filters).transpose(3, 2, 0, 1)
    first = real[1][0].reshape(-1, filters, real[1][0].shape[1])
    real[1][0] = first.transpose(1, 0, 2).reshape(real[1][0].shape)
    scale = next(node for node in graph.nodes if node.op == "scale_bias").constants["scale"]
    factor = np.float32(scale.data.ravel()[0] * scale.type.lsb * graph.inputs[0].type.lsb)
    arrays = {"factor": factor, "image": np.array([-1, 1, *shape])}
    arrays |= {
        f"{key}{i}": array for i, pair in enumerate(real) for key, array in zip("wb", pair, strict=True)
    }
    nodes = [
        helper.make_node("Mul", ["x", "factor"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "image"], ["pixels"]),
        helper.make_node("Conv", ["pixels", "w0", "b0"], ["conv"], kernel_shape=[kernel] * 2,
                         strides=[kernel] * 2),
        helper.make_node("Relu", ["conv"], ["relu0"]),
        helper.make_node("Flatten", ["relu0"], ["h1"]),
    ]  # fmt: skip
    for i in range(1, len(layers)):
        nodes.append(helper.make_node("Gemm", [f"h{i}", f"w{i}", f"b{i}"], [f"g{i}"]))
        nodes.append(helper.make_node("Relu", [f"g{i}"], [f"h{i + 1}"]))
    text = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", graph.inputs[0].size])],
        [helper.make_tensor_value_info(f"h{len(layers)}", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    model = helper.make_model(text, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})[0]


def alkaid_interpreter(graph: Graph) -> Call:
    """alkaid's (the successor of da4ml) own interpreter of the traced circuit, one thread: float64 rows."""
    from l1forge.firmware.rtl.generate import trace

    program = trace(graph.subgraph(graph.outputs[:1]))
    return lambda x: program.predict(x, n_threads=1)


def qkeras_predict() -> Call:
    """The trained QKeras encoder's ``predict`` in batches of 8192: float32 rows."""
    from l1forge.models.vae_dense.hls import WEIGHTS
    from l1forge.models.vae_dense.train import load_encoder

    encoder = load_encoder(WEIGHTS)
    return lambda x: encoder.predict(x, batch_size=8192, verbose=0)


@contextmanager
def hls4ml_predict() -> Iterator[Call]:
    """hls4ml's compiled C++ of the VAE through its ``predict``: float64 rows."""
    from l1forge.models.vae_dense.hls import hls_model

    with tempfile.TemporaryDirectory(prefix="bench_hls_") as folder:
        model = hls_model(Path(folder))
        model.compile()
        yield lambda x: model.predict(np.ascontiguousarray(x))


@contextmanager
def conifer_cpp(graph: Graph) -> Iterator[Callable[[Array], tuple[float, float]]]:
    """conifer's C++ back end: scores integer rows, returns the wall and CPU seconds its process took."""
    from l1forge.firmware.bdt.conifer.project import CompiledConifer

    with CompiledConifer(graph) as compiled:

        def run(x: Array) -> tuple[float, float]:
            wall, cpu = compiled.seconds, compiled.cpu_seconds
            compiled(x)
            return compiled.seconds - wall, compiled.cpu_seconds - cpu

        yield run
