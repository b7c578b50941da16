"""QuantizeLinear and DequantizeLinear: the graph is what ONNX Runtime computes, for powers of two exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.notes import notes_of
from l1forge.firmware.hls.converters.onnx import convert_onnx
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 100
INPUT = "fixed<12,5,RND_CONV,SAT>"

pytestmark = pytest.mark.usefixtures("quiet_frameworks")


class Maker:
    """A network of 6 inputs, node by node."""

    def __init__(self, *shape: int) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.shape = shape or (6,)
        self.random = np.random.default_rng(2)

    def value(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"{kind}_{name}", **attributes))
        return name

    def pair(self, x: str, scale: Any, zero: Any = 0, dtype: Any = np.int8, **at: int) -> str:
        """Rounds ``x`` and scales it back."""
        constants = self.value(scale), self.value(zero, dtype)
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *constants, **at), *constants, **at)

    def integers(
        self, shape: tuple[int, ...], scale: Any, dtype: Any = np.int8, zero: Any = 0, **at: int
    ) -> str:
        """Constants that the file holds as integers."""
        values = self.value(self.random.integers(-90, 90, shape), dtype)
        return self.add("DequantizeLinear", values, self.value(scale), self.value(zero, dtype), **at)

    def save(self, path: Path, output: str) -> Path:
        described = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
            for n, shape in (("x", (1, *self.shape)), (output, None))
        ]
        graph = helper.make_graph(self.nodes, "net", described[:1], described[1:], self.constants)
        opsets = [helper.make_opsetid("", 21)]
        model = onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=opsets, ir_version=10)
        )
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path


def _converted(path: Path, folder: Path, compiled: bool = False) -> tuple[Graph, Any, Any, list[str]]:
    """The graph, its results and those of ONNX Runtime (physical values), and the notes."""
    model = convert_onnx(path, "net", folder, INPUT, default_precision="fixed<24,10>")
    write_project(model)
    graph = import_project(folder)
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # as the file says, without fused kernels
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape[1:]
    x = np.random.default_rng(3).integers(-700, 700, (EVENTS, *shape))
    floats = (x / 128).astype(np.float32)
    expected = np.concatenate([session.run(None, {"x": row[None]})[0] for row in floats])
    fed = x.reshape(EVENTS, -1)
    output = graph.outputs[0]
    found = evaluate(graph, {graph.inputs[0].name: fed})[output]
    if compiled:
        results = CompiledProject(folder, QUICK)([fed])
        assert [r.first for r in compare_with_graph(graph, [fed], results)] == [None]
    return graph, found * graph[output].type.lsb, expected.reshape(EVENTS, -1), notes_of(model)


def _dense(make: Maker, **zero: Any) -> str:
    h = make.pair("x", 2.0**-4, **zero)
    weight = make.integers((6, 5), [2.0**-6, 2.0**-5, 2.0**-6, 2.0**-7, 2.0**-6], axis=1, zero=[0] * 5)
    bias = make.integers((5,), 2.0**-10, np.int32)
    h = make.pair(
        make.add("Relu", make.add("Add", make.add("MatMul", h, weight), bias)), 2.0**-3, 0, np.uint8
    )
    return make.pair(make.add("MatMul", h, make.integers((5, 3), 2.0**-7)), 2.0**-2)


ZEROS: dict[str, dict[str, Any]] = {
    "none": {},
    "odd": {"zero": -3},
    "middle of uint8": {"zero": 128, "dtype": np.uint8},
    "odd uint8": {"zero": 117, "dtype": np.uint8},
}


@pytest.mark.parametrize("name", ZEROS)
def test_powers_of_two_are_exact(name: str, tmp_path: Path) -> None:
    make = Maker()
    make.save(tmp_path / "net.onnx", _dense(make, **ZEROS[name]))
    _, found, expected, notes = _converted(tmp_path / "net.onnx", tmp_path / "hls", name == "odd")
    assert np.array_equal(found, expected)
    assert len(np.unique(found)) > 20
    assert notes == []


def test_types_of_a_network_are_those_of_its_integers(tmp_path: Path) -> None:
    make = Maker()
    h = make.pair("x", 2.0**-4)
    h = make.add("Relu", make.add("MatMul", h, make.integers((6, 4), 2.0**-6)))
    make.save(tmp_path / "net.onnx", make.pair(h, 2.0**-4, 0, np.uint8))
    graph, found, expected, _ = _converted(tmp_path / "net.onnx", tmp_path / "hls")
    assert np.array_equal(found, expected)
    types = [str(node.type) for node in graph.nodes]
    assert types[1] == "fixed<8,4,RND_CONV,SAT>"
    assert types[-1] == "ufixed<8,4,RND_CONV,SAT>"


def test_convolution_with_scales_by_channel(tmp_path: Path) -> None:
    make = Maker(2, 5, 5)
    h = make.pair("x", 2.0**-4)
    weight = make.integers((3, 2, 3, 3), [2.0**-7, 2.0**-6, 2.0**-7], axis=0, zero=[0] * 3)
    h = make.pair(make.add("Relu", make.add("Conv", h, weight)), 2.0**-3, 0, np.uint8)
    make.save(tmp_path / "net.onnx", make.add("Flatten", h))
    _, found, expected, notes = _converted(tmp_path / "net.onnx", tmp_path / "hls")
    assert np.array_equal(found, expected)
    assert notes == []


def test_a_clip_of_integers_narrows_them(tmp_path: Path) -> None:
    make = Maker()
    scale, zero = make.value(0.25), make.value(0, np.int8)
    h = make.add("QuantizeLinear", "x", scale, zero)
    h = make.add("Clip", h, make.value(-8, np.int8), make.value(7, np.int8))
    h = make.add("DequantizeLinear", h, scale, zero)
    make.save(tmp_path / "net.onnx", make.add("MatMul", h, make.integers((6, 4), 2.0**-6)))
    graph, found, expected, _ = _converted(tmp_path / "net.onnx", tmp_path / "hls")
    assert np.array_equal(found, expected)
    assert str(graph.nodes[1].type) == "fixed<4,2,RND_CONV,SAT>"


def test_other_scales_are_the_nearest_and_their_error_is_said(tmp_path: Path) -> None:
    make = Maker()
    h = make.pair("x", 0.0437)
    h = make.add("MatMul", h, make.integers((6, 5), [0.011, 0.012, 0.0093, 0.02, 0.01], axis=1, zero=[0] * 5))
    make.save(tmp_path / "net.onnx", make.pair(make.add("Relu", h), 0.07, 0, np.uint8))
    _, found, expected, notes = _converted(tmp_path / "net.onnx", tmp_path / "hls", compiled=True)
    steps = np.abs(found - expected) / 0.07
    assert steps.max() < 1.01  # a value beside a tie may be rounded the other way
    assert (steps > 0.5).mean() < 0.01
    assert notes
    assert all("is taken as" in note and "relative error" in note for note in notes)
    assert all(float(note.split()[-1]) < 2.0**-17 for note in notes)


def _other_scales(make: Maker) -> str:
    h = make.add("QuantizeLinear", "x", make.value(0.25), make.value(0, np.int8))
    return make.add("DequantizeLinear", h, make.value(0.5), make.value(0, np.int8))


def _integers_read(make: Maker) -> str:
    scale, zero = make.value(0.25), make.value(0, np.int8)
    h = make.add("QuantizeLinear", "x", scale, zero)
    h = make.add("DequantizeLinear", make.add("Identity", h), scale, zero)
    return h


def _on_integers(make: Maker) -> str:
    h = make.add("QuantizeLinear", "x", make.value(0.25), make.value(0, np.int8))
    return make.add("Cast", make.add("MatMulInteger", h, make.value(np.ones((6, 2)), np.int8)), to=1)


REFUSED = {
    "scale differs from that of": _other_scales,
    "reads integers that no QuantizeLinear has written": _integers_read,
    "calculates with integers": _on_integers,
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_is_no_pair_is_refused(told: str, tmp_path: Path) -> None:
    make = Maker()
    path = make.save(tmp_path / "net.onnx", REFUSED[told](make))
    with pytest.raises(InputError, match=told) as error:
        convert_onnx(path, "net", tmp_path / "hls", INPUT)
    assert error.value.file == path
