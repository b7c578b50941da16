"""The comparison with the trained network: literal numbers, every framework, and faults that must be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.hls.fidelity.fidelity import compare_with_framework
from l1forge.firmware.hls.fidelity.frameworks import open_framework
from l1forge.firmware.hls.fidelity.layers import bits_used, compare_layers
from l1forge.firmware.hls.fidelity.outputs import auc, compare_output, efficiency
from l1forge.firmware.hls.fidelity.plot import plot_layers
from l1forge.firmware.hls.fidelity.sample import read_sample
from l1forge.studies.imports import import_hls, import_model

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]
CASES = Path(__file__).parent / "data" / "cases"


def casting(kind: str) -> Graph:
    """One layer that casts fixed<8,8> (integers) to ``kind``."""
    source = Node("x", "input", (), (1,), FixedType.parse("fixed<8,8>"))
    return Graph("casting", [source, Node("y", "cast", ("x",), (1,), FixedType.parse(kind))], ["y"])


@pytest.mark.parametrize(
    ("kind", "saturated", "wrapped", "zeroed"),
    [
        ("fixed<4,4>", 0.0, 0.5, 0.0),
        ("fixed<4,4,RND,SAT>", 0.5, 0.0, 0.0),
        ("fixed<8,12>", 0.0, 0.0, 0.5),
        ("fixed<9,9>", 0.0, 0.0, 0.0),
    ],
)
def test_shares_of_a_cast(kind: str, saturated: float, wrapped: float, zeroed: float) -> None:
    """−9, 0, 3, 8: two lie beyond −8 .. 7; in units of 16, 3 and 8 become 0 and −9 becomes −16."""
    (layer,) = compare_layers(casting(kind), {"x": np.array([[-9], [0], [3], [8]])}, {})
    assert (layer.saturated, layer.wrapped, layer.zeroed) == (saturated, wrapped, zeroed)


def test_accumulators_that_wrap_are_seen() -> None:
    """The result type holds 2 × 100, the accumulator does not."""
    x = Node("x", "input", (), (2,), FixedType.parse("fixed<8,8>"))
    unit = FixedType.parse("fixed<2,2>")
    constants = {"weight": Constant(unit, np.ones((2, 1), int)), "bias": Constant(unit, np.zeros(1, int))}
    wide = FixedType.parse("fixed<12,12>")
    dense = Node("d", "dense", ("x",), (1,), wide, {"accum": "fixed<8,8>"}, constants)
    (layer,) = compare_layers(Graph("g", [x, dense], ["d"]), {"x": np.array([[100, 100], [1, 1]])}, {})
    assert (layer.wrapped, layer.least, layer.most) == (0.5, -56.0, 2.0)


def test_bits_used() -> None:
    kind = FixedType.parse("fixed<16,6>")
    assert bits_used(np.array([0, 4, -8]), kind) == 2  # −2 .. 1 in steps of 4
    assert bits_used(np.array([0, 0]), kind) == 0
    assert bits_used(np.array([-1, 127]), kind) == 8


def test_a_layer_is_compared_with_what_is_merged_into_it() -> None:
    graph = casting("fixed<8,8>")
    x = np.array([[1], [2], [3], [4]])
    inside = {"y": 10.0 * x, "norm": 1.0 * x, "other": x}
    (layer,) = compare_layers(graph, {"x": x}, inside)
    assert layer.difference == 0.0
    (layer,) = compare_layers(graph, {"x": x}, {"y": 10.0 * x})
    assert layer.large


def test_numbers_of_an_output() -> None:
    trained = np.array([[0.0, 1.0], [2.0, 0.5], [0.25, 0.5], [3.0, 0.0]])
    graph = np.array([[0.0, 1.0], [2.0, 0.5], [0.75, 0.5], [3.0, 1.0]])
    found = compare_output("y", trained, graph, np.array([1, 0, 1, 0]), 0.5)
    assert (found.largest, found.mean, found.bias) == (1.0, 1.5 / 8, 1.5 / 8)
    assert found.flips is not None
    assert (found.flips.events, found.flips.share, found.flips.largest_margin) == (1, 0.25, 0.25)
    assert found.agreement == 0.75
    first, second = found.separations
    assert first.auc == (1.0, 1.0)
    assert second.auc == (0.875, 0.5)
    assert compare_output("z", trained[:, :1], graph[:, :1]).flips is None


def test_auc_and_efficiency_count_ties() -> None:
    signal = np.array([True, True, False, False])
    assert auc(np.array([2.0, 1.0, 1.0, 0.0]), signal) == 0.875
    assert efficiency(np.array([2.0, 1.0, 1.0, 0.0]), signal, 0.01) == 0.5
    assert efficiency(np.array([2.0, 1.0, 1.0, 0.0]), signal, 0.5) == 1.0


def test_default_types_of_a_float_network_wrap_and_it_is_said(tmp_path: Path) -> None:
    """shared/cases/networks/plain_float.h5: exact against its C++, useless against the network."""
    found = import_model(CASES / "plain_float.h5", "fixed<9,5>", data=CASES / "plain_float.npz")
    assert found.fidelity is not None
    (output,) = found.fidelity.outputs
    assert output.largest == pytest.approx(121.2532, abs=1e-3)
    assert found.fidelity.first_large == "dense_relu"
    assert {layer.layer for layer in found.fidelity.layers if layer.wrapped} == {"dense_relu", "dense_1_relu"}
    assert any("dense_relu: fixed<16,6> holds -32 .. 31.999 and wraps" in text for text in found.warnings)
    kept = Graph.from_json(found.graph.to_json()).meta["provenance"]
    assert kept["fidelity"]["outputs"][0]["largest"] == output.largest
    assert kept["asked"]["input_type"] == "fixed<9,5>"
    assert kept["used"]["dense_relu"]["result"].startswith("fixed<16,6")
    plot_layers(found.fidelity.layers, tmp_path / "layers.png")
    assert (tmp_path / "layers.png").stat().st_size > 1000
    with pytest.raises(InputError, match="wraps"):
        import_model(CASES / "plain_float.h5", "fixed<9,5>", strict=True)


@pytest.mark.parametrize(
    ("model", "kind", "data"),
    [
        ("qdq.onnx", "fixed<8,4,RND_CONV,SAT>", "qdq.npz"),
        ("gap_quantised.h5", "fixed<12,4>", "gap_x.npy"),
        ("gap_plain.h5", "fixed<12,4>", "gap_x.npy"),
    ],
)
def test_quantised_networks_are_exact(model: str, kind: str, data: str) -> None:
    found = import_model(CASES / model, kind, data=CASES / data)
    assert found.fidelity is not None
    assert [one.largest for one in found.fidelity.outputs] == [0.0]


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("embedding6.h5", "uint<4>", "."),
        ("hgq_softmax.keras", "fixed<7,3>", "HGQ2"),
    ],
)
def test_refusals_blame_the_right_one(model: str, kind: str, message: str) -> None:
    if model.startswith("embedding"):
        assert "words 6 to 7" in import_model(CASES / model, "uint<3>").notes[0]
        return
    with pytest.raises(InputError, match=message) as error:
        import_model(CASES / model, kind)
    assert "hls4ml" not in str(error.value)


def sequential() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(3).normal(size=(50, 4)))
    return path


def saved(path: Path) -> Path:
    network, example = sequential(), torch.zeros(1, 4)
    if path.suffix == ".onnx":
        torch.onnx.export(network, (example,), str(path), dynamo=False)
    elif path.suffix == ".pt2":
        torch.export.save(torch.export.export(network, (torch.zeros(3, 4),)), path)
    else:
        torch.save(network, path)
    return path


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2", "net.pt"])
def test_frameworks_predict_and_show_their_layers(name: str, tmp_path: Path, data: Path) -> None:
    """50 events: not a multiple of the three that the exported program takes, and not one."""
    model = saved(tmp_path / name)
    shapes = [(4,)] if name == "net.pt" else []
    precise = {"default_precision": "fixed<24,6>", "input_shapes": shapes, "data": data}
    found = import_model(model, "fixed<20,6>", **precise).fidelity  # type: ignore[arg-type]
    assert found is not None
    assert 0 < found.outputs[0].largest < 1e-3
    compared = [layer.difference for layer in found.layers]
    assert all(one is not None and one < 1e-3 for one in compared)
    with torch.no_grad():
        wanted = sequential()(torch.tensor(np.load(data), dtype=torch.float32)).numpy()
    (predicted,) = open_framework(model, shapes=shapes).predict([np.load(data)])
    assert np.abs(predicted - wanted).max() < 1e-6


def test_a_flipped_weight_is_told(tmp_path: Path, data: Path) -> None:
    model = saved(tmp_path / "net.onnx")
    graph = import_model(model, "fixed<20,6>", default_precision="fixed<24,6>").graph
    at = next(i for i, node in enumerate(graph.nodes) if node.op == "dense")
    weight = graph.nodes[at].constants["weight"]
    changed = weight.data.copy()
    changed[0, 0] ^= 1 << 17  # half a unit
    constants = {**graph.nodes[at].constants, "weight": Constant(weight.type, changed)}
    graph.nodes[at] = replace(graph.nodes[at], constants=constants)
    found = compare_with_framework(graph, open_framework(model), read_sample(data, graph))
    assert found.first_large == graph.nodes[at].name
    assert found.outputs[0].largest > 0.1


def test_projects_are_compared_with_their_reference(tmp_path: Path, data: Path) -> None:
    model = saved(tmp_path / "net.onnx")
    import_model(model, "fixed<16,6>", project=tmp_path / "project")
    found = import_hls(tmp_path / "project", reference=model, data=data)
    assert found.fidelity is not None
    assert found.fidelity.outputs[0].largest < 0.01
    assert found.graph.meta["provenance"]["reference"]["file"] == "net.onnx"
    with pytest.raises(InputError, match="--data needs --reference"):
        import_hls(tmp_path / "project", data=data)
    with pytest.raises(InputError, match=r"takes \[3\] for each event"):
        import_hls(tmp_path / "project", reference=_other(tmp_path), data=data)


def _other(folder: Path) -> Path:
    network = nn.Sequential(nn.Linear(3, 3)).eval()
    torch.onnx.export(network, (torch.zeros(1, 3),), str(folder / "other.onnx"), dynamo=False)
    return folder / "other.onnx"


def one_input(kind: str = "fixed<8,4>") -> Graph:
    return Graph("g", [Node("x", "input", (), (2,), FixedType.parse(kind))], ["x"])


def test_samples(tmp_path: Path) -> None:
    x = np.array([[0.5, -1.0], [2.0, 3.0]])
    np.savez(tmp_path / "a.npz", x=x, y=np.array([[0, 1], [1, 0]]))
    sample = read_sample(tmp_path / "a.npz", one_input())
    assert sample.labels is not None
    assert (sample.labels.tolist(), sample.inputs["x"].tolist()) == ([1, 0], x.tolist())
    np.save(tmp_path / "b.npy", np.array([[16, -16]]))
    assert read_sample(tmp_path / "b.npy", one_input()).inputs["x"].tolist() == [[1.0, -1.0]]
    with pytest.raises(InputError, match="integers"):
        read_sample(tmp_path / "b.npy", one_input(), given=False)
    assert read_sample(tmp_path / "a.npz", one_input(), labels=None, most=1).n == 1


@pytest.mark.parametrize(
    ("arrays", "labels", "message"),
    [
        ({"x": np.array([[np.nan, 0.0]])}, None, "not finite"),
        ({"x": np.zeros((0, 2))}, None, "no events"),
        ({"x": np.zeros((3, 2)), "y": np.array([0, 1])}, None, "for each of 3 events"),
        ({"x": np.zeros((3, 2)), "y": np.array([0, 1, 1])}, "truth", "no such labels"),
        ({"x": np.zeros((3, 5))}, None, "shape"),
    ],
)
def test_samples_that_are_none(
    arrays: dict[str, Any], labels: str | None, message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_sample(tmp_path / "a.npz", one_input(), labels)
