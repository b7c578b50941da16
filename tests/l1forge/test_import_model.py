"""`l1forge import-model` on files as users have them, and on files that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT
from l1forge.emulator.graph.graph import Graph


class Custom(nn.Module):
    """A class of the user: its pickle is not loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, hits: torch.Tensor, track: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layer(hits)) + track[:, :3]


def _run(*arguments: object) -> object:
    with pytest.raises(SystemExit) as done:
        main(["import-model", *map(str, arguments)])
    return done.value.code


def _sequential() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval()


def _onnx(path: Path) -> None:
    torch.onnx.export(_sequential(), (torch.zeros(1, 4),), str(path), dynamo=False)


def _saved(path: Path) -> None:
    torch.save(_sequential(), path)


def _exported(path: Path) -> None:
    torch.export.save(torch.export.export(Custom().eval(), (torch.zeros(2, 4), torch.zeros(2, 5))), path)


FILES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "net.onnx": (_onnx, ["-t", "fixed<8,4>"]),
    "1net.v2.pt": (_saved, ["-t", "fixed<8,4>", "--input-shape", "4"]),
    "net.pt2": (_exported, ["-t", "hits=fixed<8,4>", "-t", "track=ufixed<6,6>"]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_files_become_graphs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write, options = FILES[name]
    write(tmp_path / name)
    output, nodes = tmp_path / "graph.json", tmp_path / "nodes.json"
    verify = ["--verify", "50"] if name == "net.pt2" else []
    assert _run(tmp_path / name, "-o", output, "--json", nodes, *options, *verify) == 0
    graph = Graph.load(output)
    assert len(graph.outputs) == 1
    assert [node["node"] for node in json.loads(nodes.read_text())] == [node.name for node in graph.nodes]
    assert ("0 mismatches in 50 events" in capsys.readouterr().out) == bool(verify)


def _custom(path: Path) -> None:
    torch.save(Custom(), path)


def _weights(path: Path) -> None:
    torch.save(_sequential().state_dict(), path)


def _bytes(content: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content)


def _half(write: Callable[[Path], None]) -> Callable[[Path], Any]:
    def cut(path: Path) -> None:
        write(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut


BROKEN: dict[str, tuple[str, Callable[[Path], Any], list[str], str]] = {
    "class": ("net.pt", _custom, [], "holds the Python class"),
    "weights": ("net.pt", _weights, [], "holds weights without a network"),
    "cut": ("net.pt", _half(_saved), [], "cannot be read as a PyTorch file"),
    "cut program": ("net.pt2", _half(_exported), [], "cannot be read as a PyTorch file"),
    "cut onnx": ("net.onnx", _half(_onnx), [], "cannot read the ONNX model"),
    "empty": ("net.onnx", _bytes(b""), [], "it holds no operations"),
    "kind": ("net.txt", _bytes(b"x"), [], "is not a known kind of model file"),
    "missing": ("net.pt2", lambda path: None, [], "No such file"),
    "no shape": ("net.pt", _saved, [], "needs the shapes of its inputs"),
    "shape": ("net.pt", _saved, ["--input-shape", "3"], "does not run on inputs of the given shape"),
    "no size": ("net.pt", _saved, ["--input-shape", "-1x4"], "is not a shape"),
    "names": ("net.pt", _saved, ["--input-shape", "4", "-t", "x"], "not each names its input"),
    "folder": ("net.pt", _saved, ["--json", "."], "is a folder"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BROKEN)
def test_other_files_are_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, write, options, message = BROKEN[name]
    write(tmp_path / file)
    output = tmp_path / "graph.json"
    assert _run(tmp_path / file, "-o", output, "-t", "fixed<8,4>", *options) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a table of types"),
        ('{"no": {"result": "fixed<8,3>"}}', "no such layer"),
        ('{"_0": {"result": "double"}}', "is not a fixed-point type"),
    ],
)
def test_precision_files(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _saved(tmp_path / "net.pt")
    (tmp_path / "types.json").write_text(text)
    options = ["--input-shape", "4", "-t", "fixed<8,4>", "--precision", tmp_path / "types.json"]
    assert _run(tmp_path / "net.pt", "-o", tmp_path / "graph.json", *options) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_types_that_can_be_exceeded_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _saved(tmp_path / "net.pt")
    options = ["--input-shape", "4", "-t", "fixed<8,4>", "--default-precision", "fixed<8,1>"]
    assert _run(tmp_path / "net.pt", "-o", tmp_path / "graph.json", *options) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "warning: layer _1: fixed<8,1> holds -1 .. 0.992188 and wraps; values can reach 0 .. " in shown


@pytest.mark.filterwarnings("ignore")
def test_asked_types_that_are_not_taken_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _saved(tmp_path / "net.pt")
    (tmp_path / "types.json").write_text('{"_0": {"table": "fixed<8,3>"}}')
    options = ["--input-shape", "4", "-t", "fixed<8,4>", "--precision", tmp_path / "types.json"]
    assert _run(tmp_path / "net.pt", "-o", tmp_path / "graph.json", *options) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert "the type asked for table was not taken: the layer has no such type" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "graph.json").exists()


def _data(path: Path) -> None:
    import numpy as np

    x = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    np.savez(path, x=x, y=np.arange(60) % 2)


@pytest.mark.filterwarnings("ignore")
def test_data_strict_choose_and_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, graph = tmp_path / "net.onnx", tmp_path / "data.npz", tmp_path / "graph.json"
    _onnx(model)
    _data(data)
    strict = [model, "-o", graph, "-t", "fixed<8,4>", "--default-precision", "fixed<6,1>", "--strict"]
    assert _run(*strict) == EXIT_BAD_INPUT
    assert not graph.exists()
    assert "--strict" in capsys.readouterr().err
    files = ["--fidelity", tmp_path / "layers.json", "--fidelity", tmp_path / "layers.png"]
    curve = ["--curve", tmp_path / "curve.json", "--curve", tmp_path / "curve.png"]
    assert (
        _run(model, "-o", graph, "--choose", data, "--data", data, "--loss", "error=0.1", *files, *curve) == 0
    )
    told = " ".join(capsys.readouterr().out.split())
    assert "types chosen from 30 events" in told
    assert "AUC" in told
    found = json.loads((tmp_path / "layers.json").read_text())
    assert found["events"] == 60
    assert [one["output"] for one in found["outputs"]] == Graph.load(graph).outputs
    assert json.loads((tmp_path / "curve.json").read_text())["loss"] == "error=0.1"
    again = tmp_path / "again.json"
    assert _run(model, "-o", again, "--types", tmp_path / "graph.types.json") == 0
    assert [str(node) for node in Graph.load(again).nodes] == [str(node) for node in Graph.load(graph).nodes]
    capsys.readouterr()
    with pytest.raises(SystemExit) as done:
        main(["report", str(graph)])
    assert done.value.code == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "Provenance" in page
    assert "same largest output" in page


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--labels", "y"], "--labels"),
        (["--fidelity", "layers.json"], "--fidelity"),
        (["--data", "x.npz", "--fidelity", "layers.txt"], "layers.txt"),
        (["--loss", "argmax=0.1"], "--choose"),
        (["--correct-bias"], "--choose"),
    ],
)
def test_options_that_need_another_one(
    options: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    _onnx(tmp_path / "net.onnx")
    assert _run("net.onnx", "-o", "graph.json", "-t", "fixed<8,4>", *options) == EXIT_BAD_INPUT
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "graph.json").exists()
