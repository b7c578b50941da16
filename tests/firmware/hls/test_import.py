"""Reading generated projects: whatever is not understood is one clear error; the commands around it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject, compile_project
from l1forge.firmware.hls.project.expressions import evaluate
from l1forge.firmware.hls.translate.graph import import_project
from l1forge.models import graph_path

from .conftest import Encoder


def _project(encoder: Encoder, target: Path) -> Path:
    """A copy of the project's own C++ (not of hls4ml's headers)."""
    (target / "firmware" / "weights").mkdir(parents=True)
    source = encoder.folder / "firmware"
    for pattern in ("*.cpp", "*.h", "weights/*"):
        for path in source.glob(pattern):
            shutil.copy(path, target / path.relative_to(encoder.folder))
    return target


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "firmware" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "firmware" / name).unlink()


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "layer": (
        _replace("encoder.cpp", "nnet::relu<", "nnet::zeropad3d_cl<"),
        "cannot be reproduced exactly",
    ),
    "statement": (
        _replace("encoder.cpp", "nnet::relu<", "if (true) nnet::relu<"),
        "not one that can be read",
    ),
    "config": (_replace("encoder.cpp", ", config4>", ", config99>"), "unknown config struct"),
    "type": (_replace("defines.h", "ap_fixed<11,11>", "float"), "floating point"),
    "stream": (_replace("encoder.cpp", "input_t x[8]", "hls::stream<input_t> &x"), "stream of unknown width"),
    "kernel": (
        _replace("parameters.h", "nnet::DenseLatency", "nnet::DenseMagic"),
        "dense kernel is not supported",
    ),
    "product": (
        _replace("parameters.h", "nnet::product::mult", "nnet::product::magic"),
        "product",
    ),
    "weights": (_remove("weights/w4.txt"), "cannot read weights"),
    "parameters": (_remove("parameters.h"), "is not an hls4ml project"),
    "defines": (_remove("defines.h"), "cannot read"),
    "size": (_replace("weights/b4.txt", ",", " "), "expected 6 numbers"),
    "number": (_replace("weights/b4.txt", "0", "x"), "not a number"),
    "nan": (_replace("weights/b4.txt", ",", ",nan,"), "expected 6 numbers"),
    "elements": (_replace("parameters.h", "n_in = 8", "n_in = 9"), "n_in"),
    "array": (_replace("encoder.cpp", "layer2_out[8]", "layer2_out[7]"), "for the array 'layer2_out'"),
    "size name": (_replace("parameters.h", "n_in = 8", "n_in = N_NOBODY"), "must be an integer"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_understood_is_refused(case: str, encoder: Encoder, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    folder = _project(encoder, tmp_path / "project")
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        import_project(folder)
    assert "\n" not in str(caught.value)


def test_weights_come_from_headers_when_no_text_is_loaded(encoder: Encoder, tmp_path: Path) -> None:
    folder = _project(encoder, tmp_path / "project")
    top = folder / "firmware" / "encoder.cpp"
    lines = top.read_text(encoding="utf-8").splitlines()
    top.write_text("\n".join(line for line in lines if "load_weights_from_txt" not in line), encoding="utf-8")
    for path in (folder / "firmware" / "weights").glob("*.txt"):
        path.unlink()
    again, expected = import_project(folder), encoder.graph
    assert [n.constants.keys() for n in again.nodes] == [n.constants.keys() for n in expected.nodes]
    for ours, theirs in zip(again.nodes, expected.nodes, strict=True):
        for key, value in ours.constants.items():
            assert value.data.tolist() == theirs.constants[key].data.tolist()


def test_command_imports_and_verifies(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "model.json"
    arguments = ["import-hls", str(encoder.folder), "-o", str(output), "--json", str(tmp_path / "nodes.json")]
    monkeypatch.setattr(sys, "argv", ["l1forge", *arguments])
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 0
    assert "mu2_score" in capsys.readouterr().out
    assert [node.op for node in Graph.load(output).nodes] == [node.op for node in encoder.graph.nodes]
    assert json.loads((tmp_path / "nodes.json").read_text(encoding="utf-8"))[0]["type"] == "fixed<11,11>"


def test_command_refuses_a_folder_that_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["import-hls", str(tmp_path), "-o", str(tmp_path / "model.json")]
    monkeypatch.setattr(sys, "argv", ["l1forge", *arguments])
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == EXIT_BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "model.json").exists()


def test_sources_must_be_text(encoder: Encoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "columns").write_bytes(b"\x80\x02")
    arguments = [str(encoder.folder), "-o", str(tmp_path / "m.json"), "--sources", str(tmp_path / "columns")]
    with pytest.raises(SystemExit) as done:
        main(["import-hls", *arguments])
    assert done.value.code == EXIT_BAD_INPUT
    assert "is not a text file" in capsys.readouterr().err


def test_another_library_under_the_name_is_compiled_again(encoder: Encoder) -> None:
    library = compile_project(encoder.folder, QUICK)
    before = library.read_bytes()
    written = library.stat().st_mtime_ns
    assert compile_project(encoder.folder, QUICK) == library
    assert library.stat().st_mtime_ns == written
    other = library.with_suffix(".other")
    other.write_bytes(before + b"another")
    other.replace(library)
    assert not compile_project(encoder.folder, QUICK).read_bytes().endswith(b"another")


def test_compiler_errors_are_one_line(encoder: Encoder, tmp_path: Path) -> None:
    folder = _project(encoder, tmp_path / "project")  # without hls4ml's headers it cannot compile
    shutil.copy(encoder.folder / "encoder_bridge.cpp", folder)
    with pytest.raises(InputError, match="does not compile"):
        CompiledProject(folder)


@pytest.mark.filterwarnings("ignore")  # TensorFlow and QKeras warn about each other
def test_committed_vae_graph_is_what_its_project_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> object:
        arguments = ["firmware", "vae_dense", "--no-compile", "--no-rtl", "-o", str(tmp_path / "hls")]
        monkeypatch.setattr(sys, "argv", ["l1forge", *arguments])
        with pytest.raises(SystemExit) as done:
            main(arguments)
        return done.value.code

    assert run() == 0
    graph = Graph.load(graph_path("vae_dense"))
    graph.nodes[-1].constants.clear()
    weight = next(node for node in graph.nodes if node.op == "dense").constants["weight"].data
    weight[0, 0] ^= 1
    graph.save(tmp_path / "wrong.json")
    monkeypatch.setattr("l1forge.models.graph_path", lambda model: tmp_path / "wrong.json")
    assert run() == 1
    assert "not the committed graph" in " ".join(capsys.readouterr().out.split())


def test_constant_expressions() -> None:
    names = {"n_in": 57, "n_filt": -1}
    assert evaluate("DIV_ROUNDUP(n_in * 2, 4) - 3 / 2", names.__getitem__, "t") == 28
    assert evaluate("(n_filt == -1) ? n_in : n_filt", names.__getitem__, "t") == 57
    assert evaluate("MIN(4, n_in) % 3", names.__getitem__, "t") == 1
    assert evaluate("0.25f", names.__getitem__, "t") == 0.25
    with pytest.raises(InputError, match="not a constant expression"):
        evaluate("n_in;", names.__getitem__, "t")
    with pytest.raises(InputError, match="unknown macro"):
        evaluate("SQRT(4, 2)", names.__getitem__, "t")
