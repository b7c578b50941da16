"""Projects as others leave them: other backends, archives, memories outside, layers met in the wild."""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.fuzz.campaign import build
from l1forge.firmware.hls.fuzz.network import Network
from l1forge.firmware.hls.project.archive import unpacked
from l1forge.firmware.hls.translate.comparisons import ignores_sign
from l1forge.firmware.hls.translate.graph import import_project

from .networks import compare, drawn

pytestmark = pytest.mark.filterwarnings("ignore")


def single(kind: str, source: str, types: dict[str, str], **fields: object) -> Network:
    """One layer on three inputs of type ``source``."""
    layers = [
        {"class_name": "InputLayer", "name": "x", "inputs": ["input"], "input_shape": [3]},
        {"class_name": kind, "name": "a", "inputs": ["x"], "n_in": 3, **fields},
    ]
    return Network(layers, {"x": {"result": source}, "a": types}, ["a"])


@pytest.mark.parametrize(("maker", "seed"), [("layer_norm", 3), ("resize", 3)])
def test_layer(maker: str, seed: int, tmp_path: Path) -> None:
    compare(drawn(maker, shape=(3, 4), types={"result": "fixed<12,5>"}, seed=seed), tmp_path)


def test_index_of_a_table_wraps_in_32_bits(tmp_path: Path) -> None:
    """What hls4ml infers for a float network: an input of tanh so wide that the C++'s int overflows."""
    types = {"result": "fixed<12,3>", "table": "fixed<12,3>"}
    network = single("Activation", "fixed<40,26>", types, activation="tanh", table_size=1024)
    compare(network, tmp_path, varied=2)


def test_threshold_of_a_coarse_unsigned_type(tmp_path: Path) -> None:
    """Keras 3's ReLU: the headers compare bits, so that negative values pass."""
    types = {"result": "fixed<14,6>", "param": "ufixed<2,32>"}
    network = single("ThresholdedReLU", "fixed<12,5>", types, activation="ThresholdedReLU", activ_param=0.0)
    compare(network, tmp_path)


def test_comparison_by_bits() -> None:
    fixed = FixedType.parse
    assert ignores_sign(fixed("fixed<12,5>"), fixed("ufixed<2,32>"))
    assert not ignores_sign(fixed("fixed<12,5>"), fixed("ufixed<8,3>"))
    assert not ignores_sign(fixed("fixed<40,5>"), fixed("ufixed<8,3>"))  # the signed side is the wider one
    assert not ignores_sign(fixed("ufixed<40,5>"), fixed("ufixed<40,3>"))


def two_inputs() -> Network:
    layers = [
        {"class_name": "InputLayer", "name": name, "inputs": ["input"], "input_shape": [size]}
        for name, size in (("x", 3), ("y", 2))
    ]
    layers.append(
        {"class_name": "Concatenate", "name": "c", "inputs": ["x", "y"], "op": "concatenate1d", "axis": 1}
    )
    types = {"x": {"result": "fixed<8,3>"}, "y": {"result": "fixed<6,3>"}, "c": {"result": "fixed<9,4>"}}
    return Network(layers, types, ["c"])


def test_columns_are_given_to_several_inputs_in_order(tmp_path: Path) -> None:
    build(two_inputs(), "net0", tmp_path)
    graph = import_project(tmp_path, ["a", "b", "c", "d", "e"])
    assert [node.attributes["source"] for node in graph.inputs] == [["a", "b", "c"], ["d", "e"]]
    with pytest.raises(InputError, match="4 columns for 5"):
        import_project(tmp_path, ["a", "b", "c", "d"])


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "firmware" / name
    text = path.read_text(encoding="utf-8")
    changed = re.sub(old, new, text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    build(drawn("dense", shape=(4,), types={"result": "fixed<12,6>"}), "net0", folder)
    return folder


def test_weights_in_memories_outside_are_no_inputs(project: Path) -> None:
    expected = import_project(project)
    change(project, "net0.cpp", r"\bvoid net0\(\s*", r"\g<0>weight2_t w2[4], ")
    found = import_project(project)
    assert [node.name for node in found.nodes] == [node.name for node in expected.nodes]


def test_accelerator_wrapper_is_passed_by(project: Path) -> None:
    for suffix in ("cpp", "h"):
        (project / "firmware" / f"net0_axi.{suffix}").write_text("// ports", encoding="utf-8")
    assert import_project(project).name == "net0"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("defines.h", "ap_fixed", "ac_fixed", "backend='Vitis' or 'Vivado'"),
        (
            "net0.cpp",
            r"nnet::dense<",
            "nnet::lstm_stack<",
            "a state that is given from outside is not supported",
        ),
        (
            "net0.cpp",
            r"nnet::dense<",
            "for (int ts = 0; ts < 4; ts++) nnet::dense<",
            "cannot be read|can be read",
        ),
        ("net0.cpp", r", config2>", ", Config2>", "it holds config2"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(
    project: Path, name: str, old: str, new: str, message: str
) -> None:
    change(project, name, old, new)
    with pytest.raises(InputError, match=message):
        import_project(project)


def test_oneapi_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src" / "firmware").mkdir(parents=True)
    with pytest.raises(InputError, match="oneAPI"):
        import_project(tmp_path)


def test_maximum_by_bits_is_refused(tmp_path: Path) -> None:
    network = two_inputs()
    network.layers[1]["input_shape"] = [3]
    network.layers[2] |= {"class_name": "Merge", "op": "maximum", "data_format": "channels_last"}
    network.precision |= {"x": {"result": "fixed<30,3>"}, "y": {"result": "ufixed<34,5>"}}
    with pytest.raises(InputError, match="compares these types bit by bit"):
        build(network, "net0", tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["l1forge", *arguments])
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    return done.value.code


def test_archive(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, output = tmp_path / "net0.tar.gz", tmp_path / "model.json"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(project, arcname="net0")
    assert run(monkeypatch, "import-hls", str(archive), "-o", str(output)) == 0
    expected = import_project(project)
    assert [node.op for node in Graph.load(output).nodes] == [node.op for node in expected.nodes]


def test_other_files_are_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, archive = tmp_path / "model.h5", tmp_path / "two.tar.gz"
    text.write_text("no archive", encoding="utf-8")
    assert run(monkeypatch, "import-hls", str(text), "-o", str(tmp_path / "model.json")) == EXIT_BAD_INPUT
    assert "is not an archive of a project" in capsys.readouterr().err
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(project, arcname="first")
        tar.add(project, arcname="second")
    with pytest.raises(InputError, match="several projects"), unpacked(archive):
        pass
    assert not (tmp_path / "model.json").exists()
