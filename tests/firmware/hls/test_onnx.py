"""ONNX and QONNX networks: the graph is the network, exactly for scales of two, and the C++ is the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.onnx import clean_qonnx, convert_onnx, export_qonnx
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 60
QONNX = "qonnx.custom_op.general"


pytestmark = pytest.mark.usefixtures("quiet_frameworks")


class Maker:
    """Builds a model node by node; constants are multiples of 1/4."""

    def __init__(self, **inputs: tuple[int, ...]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs = inputs
        self.random = np.random.default_rng(1)

    def constant(self, *shape: int) -> str:
        return self.value(self.random.integers(-4, 5, shape) / 4)

    def value(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def quant(
        self, x: str, bits: int, scale: Any, zero: float = 0, rounding: str = "ROUND", **at: int
    ) -> str:
        at = {"signed": 1, "narrow": 0} | at
        constants = (self.value(scale), self.value(zero), self.value(bits))
        return str(self.add("Quant", x, *constants, domain=QONNX, rounding_mode=rounding, **at))

    def save(self, path: Path, *outputs: str, sizes: tuple[int, ...] = (3,)) -> None:
        def described(name: str, shape: Any) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes, "net", [described(n, (1, *s)) for n, s in self.inputs.items()],
            [described(n, (1, size)) for n, size in zip(outputs, sizes, strict=True)], self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(QONNX, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def _expected(path: Path, fed: list[Any]) -> list[Any]:
    """By ONNX's own reference, or QONNX's where it has its nodes."""
    from qonnx.core.onnx_exec import execute_onnx

    model = clean_qonnx(path)
    names, outputs = ([t.name for t in part] for part in (model.graph.input, model.graph.output))
    plain = all(not node.domain for node in model.graph.node)
    reference = ReferenceEvaluator(model.model) if plain else None
    results = []
    for event in range(EVENTS):
        one = {n: x[event : event + 1].astype(np.float32) for n, x in zip(names, fed, strict=True)}
        if reference is not None:
            results.append(reference.run(outputs, one))
        else:
            made = execute_onnx(model, one)
            results.append([made[name] for name in outputs])
    return [np.concatenate(parts).astype(np.float64) for parts in zip(*results, strict=True)]


def _compare(path: Path, shapes: list[tuple[int, ...]], folder: Path, compiled: bool = False) -> None:
    widths = {"default_precision": "fixed<22,12>", "max_precision": "fixed<52,32>"}
    write_project(convert_onnx(path, "net", folder, "fixed<10,5>", **widths))
    graph = import_project(folder)
    rng = np.random.default_rng(3)
    inputs = [8 * rng.integers(-64, 64, (EVENTS, *shape)) for shape in shapes]
    expected = _expected(path, [x / 32 for x in inputs])
    found = evaluate(
        graph, {n.name: x.reshape(EVENTS, -1) for n, x in zip(graph.inputs, inputs, strict=True)}
    )
    assert len(graph.outputs) == len(expected)
    for name, values in zip(graph.outputs, expected, strict=True):
        wanted = np.ldexp(values, graph[name].type.fraction)
        assert np.array_equal(wanted.reshape(found[name].shape), found[name])
        assert len(np.unique(found[name])) > 3
    if compiled:
        results = CompiledProject(folder, QUICK)(inputs)
        assert [r.first for r in compare_with_graph(graph, inputs, results)] == [None] * len(results)


def _dense(
    make: Maker, scale: Any = 0.25, act: Any = 0.5, x: Any = None, w: Any = None, a: Any = None, bits: int = 6
) -> str:
    """Quantised input, weights, bias and activation; x, w, a are what their quantisers do otherwise."""
    h = make.quant("x", 8, 0.25, **(x or {}))
    weight = make.quant(make.constant(6, 5), 5, scale, **({"narrow": 1} | (w or {})))
    h = make.add("Add", make.add("MatMul", h, weight), make.quant(make.constant(5), 6, 0.0625))
    h = make.quant(make.add("Relu", h), bits, act, **({"signed": 0} | (a or {})))
    return str(make.add("MatMul", h, make.quant(make.constant(5, 3), 4, 0.25)))


QUANTISED: dict[str, dict[str, Any]] = {
    "plain": {},
    "channels": {"scale": [[0.25, 0.5, 0.125, 1.0, 0.25]]},
    "floor": {"a": {"rounding": "FLOOR"}, "x": {"rounding": "FLOOR"}, "w": {"rounding": "FLOOR"}},
    "towards zero": {"x": {"rounding": "DOWN"}, "a": {"rounding": "HALF_DOWN"}},
    "narrow": {"a": {"signed": 1, "narrow": 1}, "x": {"narrow": 1}},
    "zero points": {"a": {"zero": 5}, "x": {"zero": -3}, "w": {"zero": 2}},
    "activation channels": {"act": [0.5, 0.25, 1.0, 0.5, 0.125]},
    "one bit": {"act": 2.0, "bits": 1},
}


@pytest.mark.parametrize("name", QUANTISED)
def test_quantisers(name: str, tmp_path: Path) -> None:
    make = Maker(x=(6,))
    make.save(tmp_path / "net.onnx", _dense(make, **QUANTISED[name]))
    _compare(tmp_path / "net.onnx", [(6,)], tmp_path / "hls", compiled=name in ("plain", "zero points"))


def test_bipolar_weights_and_activations(tmp_path: Path) -> None:
    make = Maker(x=(6,))
    one, half = make.value(1.0), make.value(0.5)
    weight = make.add("BipolarQuant", make.constant(6, 5), one, domain=QONNX)
    h = make.add("BipolarQuant", make.add("MatMul", "x", weight), half, domain=QONNX)
    make.save(tmp_path / "net.onnx", make.add("MatMul", h, make.constant(5, 3)))
    _compare(tmp_path / "net.onnx", [(6,)], tmp_path / "hls")


@pytest.mark.parametrize("signs", [1, -1])
def test_batch_norm_before_signs(signs: int, tmp_path: Path) -> None:
    """hls4ml merges the two into a threshold, rounds it down, and forgets the sign of the scale."""
    make = Maker(x=(6,))
    scale = make.value([0.75, 1.0, signs * 1.25, 2.0, signs * 0.5])
    rest = [make.value(np.array(v)) for v in ([0.3, -1.2, 0.7, 1.7, -0.4], [0.1] * 5, [1.0] * 5)]
    h = make.add(
        "BatchNormalization", make.add("MatMul", "x", make.constant(6, 5)), scale, *rest, epsilon=0.0
    )
    h = make.add("BipolarQuant", h, make.value(1.0), domain=QONNX)
    make.save(tmp_path / "net.onnx", make.add("MatMul", h, make.constant(5, 3)))
    _compare(tmp_path / "net.onnx", [(6,)], tmp_path / "hls")


def test_batch_norm_before_a_scale_that_is_no_power_of_two(tmp_path: Path) -> None:
    """One multiplication, not two that hls4ml would join with the types of the second."""
    make = Maker(x=(6,))
    constants = [make.value(np.array(v)) for v in ([0.75, -2.0] * 3, [3.0] * 6, [0.5] * 6, [1.0] * 6)]
    h = make.quant(make.add("BatchNormalization", "x", *constants, epsilon=0.0), 12, 0.41)
    make.save(tmp_path / "net.onnx", h, sizes=(6,))
    write_project(convert_onnx(tmp_path / "net.onnx", "net", tmp_path / "hls", "fixed<10,5>"))
    graph = import_project(tmp_path / "hls")
    inputs = 8 * np.random.default_rng(3).integers(-64, 64, (EVENTS, 6))
    expected = _expected(tmp_path / "net.onnx", [inputs / 32])[0]
    found = evaluate(graph, {graph.inputs[0].name: inputs})[graph.outputs[0]]
    assert np.abs(found * graph[graph.outputs[0]].type.lsb - expected).max() < 2**-10


def test_scales_that_are_no_powers_of_two(tmp_path: Path) -> None:
    """Integer weights and a layer that scales: off by less than the bits that a scale keeps."""
    make = Maker(x=(6,))
    out = _dense(make, scale=[[0.07, 0.11, 0.3, 0.26, 0.19]], act=0.41)
    make.save(tmp_path / "net.onnx", out)
    write_project(convert_onnx(tmp_path / "net.onnx", "net", tmp_path / "hls", "fixed<10,5>"))
    graph = import_project(tmp_path / "hls")
    inputs = 8 * np.random.default_rng(3).integers(-64, 64, (EVENTS, 6))
    expected = _expected(tmp_path / "net.onnx", [inputs / 32])[0]
    name = graph.outputs[0]
    found = evaluate(graph, {graph.inputs[0].name: inputs})[name] * graph[name].type.lsb
    assert np.abs(found - expected).max() < 2**-10 * np.abs(expected).max()
    results = CompiledProject(tmp_path / "hls", QUICK)(inputs)
    assert compare_with_graph(graph, inputs, results)[0].first is None


def _split(make: Maker) -> Any:
    a, b = make.add("Split", "x", outputs=2, axis=1, num_outputs=2)
    return make.add("Sub", make.add("Div", a, make.value(2.0)), make.add("Mul", b, make.constant(3)))


def _branches(make: Maker) -> Any:
    weight = make.constant(6, 5)
    h = make.add("Relu", make.add("Gemm", "x", weight, make.constant(5), alpha=2.0, beta=0.5))
    joined = make.add("Concat", h, make.add("Clip", "x", make.value(-1.5), make.value(2.0)), h, axis=1)
    first = make.add("Gemm", joined, make.constant(2, 16), transB=1)
    return make.add("Sum", h, h, make.constant(5)), first  # in this order


def _image(make: Maker) -> Any:
    h = make.add("Conv", "x", make.constant(4, 2, 3, 3), make.constant(4), pads=[1, 0, 1, 1])
    h = make.add("MaxPool", make.add("Relu", h), kernel_shape=[2, 2], strides=[2, 2])
    h = make.add("Conv", h, make.constant(4, 1, 2, 1), group=4)
    return make.add("MatMul", make.add("Flatten", h), make.constant(4, 2))


def _points(make: Maker) -> Any:
    h = make.add("Relu", make.add("MatMul", "x", make.constant(3, 5)))
    pooled = make.add("ReduceMean", h, make.value([1], np.int64), keepdims=0)
    summed = make.add("ReduceSum", h, make.value([1], np.int64), keepdims=0)
    return make.add("Add", pooled, make.add("Slice", summed, *(make.value([n], np.int64) for n in (0, 5, 1))))


def _attributes(make: Maker) -> Any:
    h = make.add("LeakyRelu", "x", alpha=0.25)
    return make.add("ThresholdedRelu", make.add("PRelu", h, make.value([[0.5] * 6])))


PLAIN: dict[str, tuple[tuple[int, ...], Callable[[Maker], Any], tuple[int, ...]]] = {
    "split": ((6,), _split, (3,)),
    "branches": ((6,), _branches, (5, 2)),
    "image": ((2, 4, 4), _image, (2,)),
    "points": ((4, 3), _points, (5,)),
    "attributes": ((6,), _attributes, (6,)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_onnx(name: str, tmp_path: Path) -> None:
    shape, build, sizes = PLAIN[name]
    make = Maker(x=shape)
    outputs = build(make)
    make.save(tmp_path / "net.onnx", *([outputs] if isinstance(outputs, str) else outputs), sizes=sizes)
    _compare(tmp_path / "net.onnx", [shape], tmp_path / "hls", compiled=name == "image")


def test_two_inputs_of_any_batch(tmp_path: Path) -> None:
    make = Maker(x=(2, 3), y=(2, 6))
    wider = make.add("Resize", "x", "", make.value([1.0, 1, 2]), mode="nearest")
    lowest = make.add("ReduceMin", make.add("Mul", wider, "y"), make.value([1], np.int64), keepdims=0)
    make.save(tmp_path / "net.onnx", lowest, sizes=(6,))
    model = onnx.load(tmp_path / "net.onnx")
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, tmp_path / "net.onnx")
    _compare(tmp_path / "net.onnx", [(2, 3), (2, 6)], tmp_path / "hls")


def test_brevitas_convolution_with_channel_scales(tmp_path: Path) -> None:
    import brevitas.nn as qnn
    import torch
    from brevitas.quant import Int8ActPerTensorFixedPoint, Int8WeightPerTensorFixedPoint
    from torch import nn

    torch.manual_seed(0)
    quantised = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": 4, "bias": False}
    network = nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=8),
        qnn.QuantConv1d(2, 3, 3, **quantised),
        qnn.QuantReLU(act_quant=Int8ActPerTensorFixedPoint, bit_width=5),
        nn.MaxPool1d(2),
        nn.Flatten(),
        qnn.QuantLinear(9, 2, **quantised),
    )
    network.train()(torch.randn(50, 2, 8))
    export_qonnx(network.eval(), torch.zeros(1, 2, 8), tmp_path / "net.onnx")
    _compare(tmp_path / "net.onnx", [(2, 8)], tmp_path / "hls", compiled=True)


def _ceil(make: Maker) -> Any:
    return make.quant("x", 6, 0.25, rounding="CEIL")


def _trunc(make: Maker) -> Any:
    constants = (make.value(v) for v in (1.0, 0, 8, 4))
    return make.add("Trunc", "x", *constants, domain=QONNX, rounding_mode="FLOOR")


REFUSED: dict[str, tuple[Callable[[Maker], Any], str]] = {
    "ceil": (_ceil, "layer Quant_0: rounding mode .*CEIL"),
    "narrow": (lambda make: make.quant("x", 6, 0.25, signed=0, narrow=1), "narrow range needs signed"),
    "trunc": (_trunc, "layer Trunc_0.*Trunc"),
    "mish": (lambda make: make.add("Mish", "x"), "layer Mish_0.*Mish"),
    "bits": (lambda make: make.quant("x", 3.5, 0.25), "whole number of bits"),
    "nan": (lambda make: make.add("MatMul", "x", make.value(np.full((6, 2), np.nan))), "is not finite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_layer(name: str, tmp_path: Path) -> None:
    build, message = REFUSED[name]
    make = Maker(x=(6,))
    make.save(tmp_path / "net.onnx", build(make), sizes=(6,))
    with pytest.raises(InputError, match=message) as caught:
        convert_onnx(tmp_path / "net.onnx", "net", tmp_path / "hls", "fixed<10,5>")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "net.onnx") in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x08\x09" * 50])
def test_files_that_are_no_models(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot read the ONNX model") as caught:
        convert_onnx(path, "net", tmp_path / "hls", "fixed<10,5>")
    assert "\n" not in str(caught.value)
