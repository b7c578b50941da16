"""Networks as people bring them: pairs of files, odd vocabularies, other packages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.environment import use_legacy_keras

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet")]


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def _run(command: str, *arguments: object) -> object:
    with pytest.raises(SystemExit) as done:
        main([command, *map(str, arguments)])
    return done.value.code


def _refused(capsys: pytest.CaptureFixture[str], command: str, *arguments: object) -> str:
    capsys.readouterr()
    assert _run(command, *arguments) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 600
    return error


def _embedding(words: int) -> Any:
    keras = use_legacy_keras()
    x = keras.layers.Input((2,), name="ids")
    model = keras.Model(x, keras.layers.Embedding(words, 2, name="emb")(x))
    model.get_layer("emb").set_weights([np.arange(2 * words).reshape(words, 2) / 4])
    return model


def _dense() -> Any:
    keras = use_legacy_keras()
    model = keras.Sequential([keras.layers.Input((3,), name="x"), keras.layers.Dense(2, name="fc")])
    model.get_layer("fc").set_weights([np.array([[1.0, -0.5], [0.25, 2], [0, 1]]), np.array([0.5, -1])])
    return model


def test_words_beyond_the_vocabulary_are_the_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _embedding(6).save(tmp_path / "e.h5")
    out = tmp_path / "e.json"
    assert _run("import-model", tmp_path / "e.h5", "-t", "uint<3>", "-o", out, "--verify", 100) == 0
    shown = capsys.readouterr().out
    assert "0 mismatches in 100 events" in shown
    assert "words 6 to 7 are outside the vocabulary of 6 and read as word 5" in shown
    graph = Graph.load(out)
    table = np.ldexp(np.arange(12).reshape(6, 2), 8)  # quarters in LSBs of fixed<16,6>
    found = evaluate(graph, {"ids": np.array([[0, 5], [6, 7]])})[graph.outputs[0]]
    assert found.tolist() == [[*table[0], *table[5]], [*table[5], *table[5]]]


@pytest.mark.parametrize("given", ["uint<4>", "fixed<16,6>", "fixed<4,4>"])
def test_the_type_that_a_vocabulary_needs_is_named(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _embedding(6).save(tmp_path / "e.h5")
    error = _refused(capsys, "import-model", tmp_path / "e.h5", "-t", given, "-o", tmp_path / "e.json")
    assert f"{tmp_path / 'e.h5'}: layer emb: numbers 6 words" in error
    assert "give the input the type uint<3>" in error


@pytest.mark.parametrize("names", [("model.json", "model_weights.h5"), ("net.json", "w.h5")])
def test_a_network_and_its_weights_in_two_files(names: tuple[str, str], tmp_path: Path) -> None:
    model, (network, weights) = _dense(), names
    (tmp_path / network).write_text(model.to_json())
    model.save_weights(tmp_path / weights)
    option = [] if weights == "model_weights.h5" else ["--weights", tmp_path / weights]
    out = tmp_path / "out.json"
    assert _run("import-model", tmp_path / network, *option, "-t", "fixed<8,4>", "-o", out) == 0
    graph = Graph.load(out)
    found = evaluate(graph, {graph.inputs[0].name: np.array([[16, 32, -16]])})[graph.outputs[0]]
    lsb = graph[graph.outputs[0]].type.lsb
    assert (found * lsb).tolist() == [[2.0, 1.5]]  # (1 + 2/4 + 1/2, −1/2 + 4 − 1 − 1)


def test_weights_that_are_missing_foreign_or_not_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, out = tmp_path / "net.json", tmp_path / "out.json"
    network.write_text(_dense().to_json())
    options = ["-t", "fixed<8,4>", "-o", out]
    assert "--weights" in _refused(capsys, "import-model", network, *options)
    _embedding(4).save_weights(tmp_path / "weights.h5")
    error = _refused(capsys, "import-model", network, *options)
    assert "weights.h5: does not hold the weights of net.json" in error
    (tmp_path / "other.json").write_text('{"nodes": []}')
    assert "not a Keras model" in _refused(capsys, "import-model", tmp_path / "other.json", *options)
    torch.save(nn.Linear(3, 2), tmp_path / "net.pt")
    error = _refused(capsys, "import-model", tmp_path / "net.pt", "--weights", network, *options)
    assert "only a Keras .json" in error
    assert not out.exists()


def test_layers_of_other_packages_are_one_short_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = {"name": "q", "bits": [[8] * 4000]}
    hgq1 = {"class_name": "HGQ>FixedPointQuantizer", "config": layer}
    qkeras3 = {
        "module": "qkeras.qlayers",
        "class_name": "QDense",
        "registered_name": "QDense",
        "config": layer,
    }
    unknown = {"module": "mine", "class_name": "Attention9", "registered_name": "mine>A", "config": layer}
    cases = {
        "holds FixedPointQuantizer of HGQ 1": (hgq1, "2.13.1"),
        "holds QDense of a QKeras for Keras 3": (qkeras3, "3.5.0"),
        "cannot read the Keras model": (unknown, "3.5.0"),
    }
    (tmp_path / "weights.h5").write_bytes(b"")
    for told, (entry, version) in cases.items():
        model = {
            "class_name": "Sequential",
            "config": {"name": "m", "layers": [entry]},
            "keras_version": version,
        }
        (tmp_path / "m.json").write_text(json.dumps(model))
        assert told in _refused(
            capsys, "import-model", tmp_path / "m.json", "-t", "fixed<8,4>", "-o", tmp_path / "out.json"
        )


@pytest.mark.parametrize("where", ["cpu", "cuda:0"])
def test_a_torch_file_of_the_old_format_is_not_damaged(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.pt"
    torch.save(nn.Sequential(nn.Linear(3, 2)), file, _use_new_zipfile_serialization=False)
    old, new = (b"X" + len(name).to_bytes(4, "little") + name.encode() for name in ("cpu", where))
    file.write_bytes(file.read_bytes().replace(old, new))
    options = ["--input-shape", "3", "-t", "fixed<8,4>", "-o", tmp_path / "out.json"]
    error = _refused(capsys, "import-model", file, *options)
    assert "PyTorch's format before 1.6" in error
    assert ("of a CUDA network" in error) == (where != "cpu")
    assert "map_location='cpu'" in error
    file.write_bytes(file.read_bytes()[:200])
    assert "damaged" in _refused(capsys, "import-model", file, *options)


def test_refusals_name_the_users_file_and_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras = use_legacy_keras()
    file = tmp_path / "net.h5"
    memory = keras.layers.GRU(2, name="memory", reset_after=False)
    keras.Sequential([keras.layers.Input((4, 3), name="x"), memory]).save(file)
    error = _refused(capsys, "import-model", file, "-t", "fixed<8,4>", "-o", tmp_path / "out.json")
    assert error.startswith(f"error: {file}: layer memory: ")
    assert "reset_after=False" in error
    assert not re.search(r"l1forge_model_|nnet::|\.cpp", error)


def test_options_of_hls4ml_are_taken_or_their_change_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, project = tmp_path / "net.h5", tmp_path / "project"
    _dense().save(file)
    options = ["-t", "fixed<8,4>", "-o", tmp_path / "out.json", "--project", project]
    hardware = ["--io-type", "io_stream", "--strategy", "resource", "--reuse-factor", 3]
    assert _run("import-model", file, *options, *hardware, "--verify", 50) == 0
    assert "0 mismatches" in capsys.readouterr().out
    parameters = (project / "firmware" / "parameters.h").read_text()
    assert "nnet::io_stream" in parameters
    assert "reuse_factor = 3" in parameters
    assert "nnet::resource" in parameters
    shutil.rmtree(project)
    hardware = ["--strategy", "Resource", "--reuse-factor", 5]
    assert _run("import-model", file, *options, *hardware) == 0
    assert re.search(r"note: layer fc: reuse factor \d; hls4ml cannot use 5", capsys.readouterr().out)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_a_project_without_bridge_and_headers_is_verified(
    io_type: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, project, out = tmp_path / "net.h5", tmp_path / "project", tmp_path / "out.json"
    _dense().save(file)
    options = ["-t", "fixed<8,4>", "-o", out, "--project", project, "--io-type", io_type]
    assert _run("import-model", file, *options) == 0
    for path in (*project.glob("*_bridge.cpp"), *project.glob("*_test.cpp")):
        path.unlink()
    shutil.rmtree(project / "firmware" / "ap_types")
    capsys.readouterr()
    assert _run("import-hls", project, "-o", out, "--verify", 40) == 0
    assert "0 mismatches in 40 events" in capsys.readouterr().out
    assert not list(project.glob("*_bridge.cpp"))


def test_a_failed_verification_keeps_the_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, project, out = tmp_path / "net.h5", tmp_path / "project", tmp_path / "out.json"
    _dense().save(file)
    assert _run("import-model", file, "-t", "fixed<8,4>", "-o", out, "--project", project) == 0
    out.unlink()
    bridge = next(project.glob("*_bridge.cpp"))
    text = bridge.read_text()
    bridge.write_text(text.replace("double *x", "double *x /*").replace("extern", "#error no\nextern"))
    assert "does not compile" in _refused(capsys, "import-hls", project, "-o", out, "--verify", 10)
    assert len(Graph.load(out).outputs) == 1
    out.unlink()
    call = f"{bridge.name.removesuffix('_bridge.cpp')}(x_ap"
    assert text.count(call) == 2
    bridge.write_text(text.replace(call, f"x_ap[0] = 1; {call}"))
    assert _run("import-hls", project, "-o", out, "--verify", 10) == 1
    assert "but the C++ computes other results" in capsys.readouterr().out
    assert len(Graph.load(out).outputs) == 1
