"""Types chosen from data: ten networks keep their decisions, and the file is read by both programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.choose.loss import StatedLoss
from l1forge.firmware.hls.choose.plot import plot_curve
from l1forge.firmware.hls.choose.tensors import TypedTensor
from l1forge.firmware.hls.choose.types_file import TypesFile
from l1forge.firmware.hls.environment import legacy_keras
from l1forge.firmware.hls.translate.graph import export_graph
from l1forge.firmware.synth.features import digits
from l1forge.studies.fidelity import ChooseTypes
from l1forge.studies.imports import import_model

from .trained import NETWORKS, Trained, write

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]
CASES = Path(__file__).parent / "data" / "cases"


@pytest.mark.parametrize("network", NETWORKS, ids=[network.kind for network in NETWORKS])
def test_chosen_types_keep_the_decisions(network: Trained, tmp_path: Path) -> None:
    model, data = write(network, tmp_path)
    shapes = [network.shape] if network.suffix == ".pt" else []
    how = ChooseTypes(data, network.loss, rtl_points=0)
    found = import_model(model, choose=how, data=data, input_shapes=shapes)
    assert found.choice is not None
    assert found.fidelity is not None
    assert found.choice.keeps
    assert (found.fidelity.outputs[0].agreement or 0) >= 0.99
    assert max(tensor.type.width for tensor in found.choice.tensors) <= 20
    assert not any(layer.wrapped for layer in found.fidelity.layers)


def test_the_types_file_is_read_by_import_model_and_hls4ml(tmp_path: Path) -> None:
    import hls4ml

    from l1forge.firmware.hls.converters.keras_file import load_keras

    model, data = CASES / "plain_float.h5", CASES / "plain_float.npz"
    how = ChooseTypes(data, "error=0.02", correct_bias=True)
    chosen = import_model(model, choose=how)
    choice = chosen.choice
    assert choice is not None
    assert choice.kept <= 0.02
    best = next(point for point in choice.curve if point.chosen)
    assert best.rtl is not None
    assert best.rtl.latency > 1
    plot_curve(choice, tmp_path / "curve.png")
    json.dumps(choice.document())
    choice.types.save(tmp_path / "types.json")
    again = import_model(model, types=tmp_path / "types.json")
    assert [str(node) for node in again.graph.nodes] == [str(node) for node in chosen.graph.nodes]
    config = json.loads((tmp_path / "types.json").read_text())
    with legacy_keras():
        theirs = hls4ml.converters.convert_from_keras_model(
            load_keras(model),
            hls_config=config,
            output_dir=str(tmp_path / "hls"),
            project_name="plain_float",
            backend="Vitis",
            io_type="io_parallel",
        )
    kinds = {node.name: (node.op, str(node.type)) for node in export_graph(theirs).nodes}
    assert kinds == {node.name: (node.op, str(node.type)) for node in chosen.graph.nodes}


def test_types_that_are_given_stay(tmp_path: Path) -> None:
    how = ChooseTypes(CASES / "plain_float.npz", "error=0.1", rtl_points=0)
    given = {"dense_relu": {"result": "ufixed<14,6,RND,SAT>"}}
    found = import_model(CASES / "plain_float.h5", "fixed<9,5>", precision=given, choose=how)
    assert found.choice is not None
    assert all((t.layer, t.key) != ("dense_relu", "result") and not t.is_input for t in found.choice.tensors)
    assert str(found.graph["dense_relu"].type) == "ufixed<14,6,RND,SAT>"
    assert str(found.graph.inputs[0].type) == "fixed<9,5>"


@pytest.mark.parametrize(
    ("low", "high", "use", "text"),
    [
        (-1.0, 0.5, "weight", "fixed<8,1,RND,SAT>"),
        (-1.0, 1.0, "weight", "fixed<8,2,RND,SAT>"),
        (0.0, 60.0, "result", "ufixed<8,6,RND,SAT>"),
        (0.0, 0.0, "bias", "fixed<12,1,RND,SAT>"),
        (-0.1, 0.1, "weight", "fixed<8,-2,RND,SAT>"),
    ],
)
def test_integer_bits_hold_the_values(low: float, high: float, use: str, text: str) -> None:
    assert str(TypedTensor("layer", use, low, high, 8).type) == text
    kind = FixedType.parse(text)
    assert kind.minimum * kind.lsb <= low


def test_signed_digits() -> None:
    assert digits(np.array([0, 1, 3, 7, -7, 11, 21])).tolist() == [0, 1, 2, 2, 2, 3, 3]


def test_losses() -> None:
    trained, graph = [np.array([[0.0, 1.0], [2.0, 0.0]])], [np.array([[0.0, 1.0], [2.0, 3.0]])]
    assert StatedLoss.parse("argmax=0.01").of(trained, graph) == 0.5
    assert StatedLoss.parse("error=0.5").of(trained, graph) == pytest.approx(0.75 / trained[0].std())
    one = [np.array([[0.2], [0.7]])], [np.array([[0.6], [0.8]])]
    assert StatedLoss.parse("cut:0.5=0.1").of(*one) == 0.5
    assert str(StatedLoss.parse("cut:0.5 = 0.1")) == "cut:0.5=0.1"
    assert StatedLoss.parse("auc=0.1").of(*one, np.array([1, 0])) == 0.0
    for text in ("argmax", "argmax=2", "cut=0.1", "cut:nan=0.1", "f1=0.1", "error=x"):
        with pytest.raises(InputError, match="--loss"):
            StatedLoss.parse(text)
    for text, sizes in (("argmax=0.1", [1]), ("cut:1=0.1", [3]), ("auc=0.1", [3])):
        with pytest.raises(InputError, match="--loss"):
            StatedLoss.parse(text).check(sizes, None)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "is not a configuration"),
        ({"LayerName": {"dense": {"Parallel": 3}}}, "not supported"),
        ({"LayerName": {"dense": {"Precision": "fixed<8,4>"}}}, "table of types"),
        ({"LayerName": {"dense": {"Precision": {"result": "fixd"}}}}, "not a fixed-point type"),
        ({"LayerName": {"dense": {"ReuseFactor": "two"}}}, "must be a int"),
        ({"LayerName": {}, "L1Forge": {"BiasCorrection": {"dense": "x"}}}, "damaged"),
    ],
)
def test_files_that_hold_no_types(document: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "types.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        TypesFile.load(path)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("dense", {"ReuseFactor": 5, "Strategy": "Resource"}, "ReuseFactor asked for was not taken"),
        ("dens", {"ReuseFactor": 2}, "no such layer"),
    ],
)
def test_options_that_are_not_taken_are_refused(
    layer: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "types.json"
    path.write_text(json.dumps({"LayerName": {layer: options}}))
    with pytest.raises(InputError, match=message):
        import_model(CASES / "plain_float.h5", "fixed<9,5>", types=path)


def test_yaml_and_table_sizes(tmp_path: Path) -> None:
    model, _ = write(NETWORKS[8], tmp_path)
    path = tmp_path / "types.yml"
    path.write_text(
        "HLSConfig:\n  Model: {Precision: 'fixed<14,5>'}\n  LayerName:\n    Tanh_0: {TableSize: 512}\n"
    )
    graph = import_model(model, "fixed<8,4>", types=path).graph
    (table,) = (node for node in graph.nodes if node.op == "table")
    assert table.constants["table"].data.size == 512
    assert (
        str(next(node for node in graph.nodes if node.op == "dense").constants["weight"].type)
        == "fixed<14,5>"
    )


def test_without_a_type_of_the_inputs() -> None:
    with pytest.raises(InputError, match="--input-type: types of the inputs are not given"):
        import_model(CASES / "plain_float.h5")
