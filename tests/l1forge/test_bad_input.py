"""Sabotage of the command line: one clear line, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import l1forge.models
from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from tests.l1forge.broken import BROKEN, constant_events, random_events, vector

GRAPH = json.loads(l1forge.models.graph_path("vae_dense").read_text())


def run(*arguments: object) -> int:
    """Exit code of ``l1forge`` with these arguments, in this process."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def everything_below(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: whatever a refused command left behind would be seen."""
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "good.parquet", [random_events(50)])
    vector(tmp_path / "good.txt")
    (tmp_path / "folder").mkdir()
    write_events(tmp_path / "one.parquet", [random_events(1)])
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "graph.json").write_text(json.dumps(GRAPH))
    narrow = FixedType.parse("uint<2>")
    node = Node("x", "input", (), (1,), narrow, {"source": ["jet.et[0]"]})
    Graph("narrow", [node, Node("y", "cast", ("x",), (1,), narrow)], ["y"]).save(tmp_path / "narrow.json")
    for name in ("none.parquet", "cut.parquet"):
        BROKEN[name][0](tmp_path / name)
    return tmp_path


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must be refused in one line that contains ``said``, and must leave no trace."""

    def check(*arguments: object, said: str) -> str:
        before = everything_below(folder)
        assert run(*arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: "), error
        assert error.count("\n") == 1, error
        assert said in error
        assert everything_below(folder) == before
        return error

    return check


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "none.parquet"])
def test_broken_event_files(name: str, folder: Path, refused: Callable[..., str]) -> None:
    write, said = BROKEN[name]
    write(folder / name)
    assert name in refused("convert", name, "-o", "out.txt", said=said)
    assert name in refused("emulate", "vae_dense", name, "-o", "out.parquet", "--json", "out.json", said="")


@pytest.mark.parametrize("command", [["path", "{}", "-n", "1"], ["rates", "vae", "--zero-bias", "{}"]])
@pytest.mark.parametrize("name", ["cut.parquet", "shape.h5", "branches.root", "three.txt"])
def test_broken_event_files_elsewhere(
    command: list[str], name: str, folder: Path, refused: Callable[..., str]
) -> None:
    write, said = BROKEN[name]
    write(folder / name)
    refused(*(word.format(name) for word in command), said=said)


def find(graph: dict[str, Any], op: str) -> dict[str, Any]:
    return next(node for node in graph["nodes"] if node["op"] == op)


def node(op: str, key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda graph: find(graph, op).update({key: value})


def weight(value: object) -> Callable[[dict[str, Any]], object]:
    return lambda graph: find(graph, "dense")["weight"]["data"].__setitem__(3, value)


BAD_GRAPHS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "one weight missing": (lambda g: find(g, "dense")["weight"]["data"].pop(), "node dense_1: weight: data"),
    "weights missing": (lambda g: find(g, "dense").pop("weight"), "node dense_1: dense lacks its 'weight'"),
    "null": (weight(None), "flat list of integers"),
    "not an integer": (weight(1.5), "flat list of integers"),
    "not finite": (weight(float("nan")), "flat list of integers"),
    "too large": (weight(1 << 40), "node dense_1: weight: weight does not fit its type fixed<8,1>"),
    "other shape": (lambda g: find(g, "dense")["weight"].update(shape=[32, 57]), "has weight shape [32, 57]"),
    "negative shape": (node("dense", "shape", [-1]), "shape must be a list of sizes"),
    "huge shape": (
        node("input", "shape", [1 << 40, 1 << 40]),
        "at most 16 axes, and 500,000 elements in all",
    ),
    "operation": (node("dense", "op", "convolve"), "unknown operation (got 'convolve')"),
    "attribute": (node("dense", "colour", "red"), "no attribute 'colour'"),
    "no accumulator": (lambda g: find(g, "dense").pop("accum"), "lacks attribute 'accum'"),
    "type": (node("dense", "type", "fixed<16,6,ROUND,SAT>"), "node dense_1: type: is not a fixed-point"),
    "width": (node("dense", "type", "fixed<0,0>"), "is not a fixed-point type"),
    "binary point": (node("dense", "type", "fixed<16,100000000>"), "is not a fixed-point type"),
    "digits": (node("dense", "type", "fixed<1_6,٦>"), "is not a fixed-point type"),
    "unknown input": (node("dense", "inputs", ["ghost"]), "earlier node (got 'ghost')"),
    "cycle": (node("dense", "inputs", ["kl_score"]), "earlier node (got 'kl_score')"),
    "no inputs": (node("dense", "inputs", []), "takes 1 input"),
    "same name": (lambda g: g["nodes"].append(g["nodes"][0]), "two nodes have this name (got 'x')"),
    "output": (lambda g: g.update(outputs=["ghost"]), "output is not a node (got 'ghost')"),
    "no output": (lambda g: g.update(outputs=[]), "graph has no outputs"),
    "output twice": (lambda g: g.update(outputs=["kl_score"] * 2), "output is listed twice"),
    "version": (lambda g: g.update(version=99), "version is not supported (got 99)"),
    "format": (lambda g: g.update(format="onnx"), "is not a graph file"),
    "name": (lambda g: g.update(name="../../evil"), "is not a name (got '../../evil')"),
    "notes": (lambda g: g.update(meta=[1]), "meta: notes must be an object"),
    "nodes": (lambda g: g.update(nodes=[7]), "nodes[0]: node must be an object"),
    "source": (lambda g: find(g, "input")["source"].pop(), "needs one entry per element (57)"),
    "source text": (lambda g: find(g, "input")["source"].__setitem__(0, "exit()"), "is not a column"),
    "source column": (lambda g: find(g, "input")["source"].__setitem__(0, "mu.mass[0]"), "mu.mass"),
    "source slot": (lambda g: find(g, "input")["source"].__setitem__(0, "mu.pt[99]"), "mu.pt[99]"),
}


@pytest.mark.parametrize("name", BAD_GRAPHS)
def test_bad_graphs(name: str, folder: Path, refused: Callable[..., str]) -> None:
    change, said = BAD_GRAPHS[name]
    graph = copy.deepcopy(GRAPH)
    change(graph)
    (folder / "bad.json").write_text(json.dumps(graph))
    refused("emulate", "bad.json", "good.parquet", "-o", "out.parquet", said=said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b'{"format": ', "is not JSON: Expecting value at line 1, column 12"),
        (b"[" * 100_000, "nested too deeply"),
        (b"null", "is not a graph file"),
        ("{}".encode("utf-16"), "cannot read graph"),
        (b"PAR1\x80\x00", "cannot read graph"),
    ],
)
@pytest.mark.parametrize(
    "command", [["emulate", "bad.json", "good.parquet"], ["export-c", "bad.json", "-o", "c"]]
)
def test_files_that_are_no_graphs(
    content: bytes, said: str, command: list[str], folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "bad.json").write_bytes(content)
    assert "bad.json" in refused(*command, said=said)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("emulate nobody good.parquet", "neither a model nor a graph file (got 'nobody')"),
        ("emulate ../l1forge.models/vae good.parquet", "neither a model nor a graph file"),
        ("emulate folder good.parquet", "neither a model nor a graph file"),
        ("emulate good.parquet good.parquet", "cannot read graph"),
        ("emulate vae good.parquet --score ghost", "no such output (got 'ghost'); it has mu2_score"),
        ("emulate vae good.parquet -o folder", "folder: is a folder"),
        ("emulate vae good.parquet -o pipe.parquet", "pipe.parquet: is a device or pipe"),
        ("convert good.parquet -o pipe.parquet", "pipe.parquet: is a device or pipe"),
        ("emulate vae good.parquet -o nowhere/out.parquet", "the folder does not exist"),
        ("emulate vae good.parquet -o good.txt/out.parquet", "the folder does not exist"),
        ("emulate vae good.parquet -o good.parquet", "would overwrite its own input"),
        ("emulate vae good.parquet -o out.parquet --json nowhere/out.json", "the folder does not exist"),
        ("emulate vae good.parquet -o out.parquet --json folder", "is a folder"),
        ("convert good.parquet -o out.xyz", "cannot tell what format to write (got '.xyz')"),
        ("convert good.parquet -o folder", "is a folder"),
        ("convert good.parquet -o out.txt --columns 7", "60 or 48 columns"),
        ("convert good.parquet -o out.parquet --layout fat", "compact, packed or dense (got 'fat')"),
        ("convert good.parquet -o out.dat --to gif", "cannot tell what format to write (got 'gif')"),
        ("convert good.txt -o good.txt", "would overwrite its own input"),
        ("rates nobody", "neither a model nor a graph file"),
        ("rates vae --score ghost", "is not a score of this graph (got 'ghost')"),
        ("rates vae --rate -1", "is not a rate in kHz (got -1.0)"),
        ("rates vae --rate nan", "is not a rate in kHz (got nan)"),
        ("rates vae --signal good.parquet --signal folder/../good.parquet", "two signals have one name"),
        ("path good.parquet --menu good.txt", "unknown kind of menu file"),
        ("path good.parquet --buffer 3", "depth,service expected"),
        ("path good.parquet --buffer 0,5", "depth,service expected"),
        ("path good.parquet --buffer 99999999999,5", "crossings expected"),
        ("path good.parquet --dead-time 99999999999999999999", "at most 1,000,000,000"),
        ("path good.parquet --column x", "needs --prescales"),
        ("path good.parquet --model x", "name=graph.json expected"),
        ("path good.parquet --model x=folder", "the menu does not use this model (got 'x')"),
        ("path good.parquet --model muon_pt=good.txt", "the muon network needs its calibration"),
        ("path good.parquet --json nowhere/out.json", "the folder does not exist"),
        ("path good.txt -o good.txt", "would overwrite its own input"),
        ("menu show good.txt", "unknown kind of menu file"),
        ("menu show missing.yaml", "cannot read"),
        ("menu show folder", "unknown kind of menu file"),
        ("simulate --process sphaleron", "unknown process (got 'sphaleron')"),
        ("simulate -n 0", "must lie in 1 .. 1000000000 (got 0)"),
        ("simulate --pileup nan", "must lie in 0 .. 400 (got nan)"),
        ("simulate --pool-scale 0", "must lie in"),
        ("simulate -n 5 -o nowhere/out.parquet", "the folder does not exist"),
        ("simulate-muons -o nowhere/out.parquet", "the folder does not exist"),
        ("simulate-muons -o out.parquet --pt-min -1", "empty pT range"),
        ("simulate-muons -o out.parquet --pt-max inf", "empty pT range"),
        ("simulate-muons -o out.parquet --noise 2", "not a probability (got 2.0)"),
        ("export-c nobody -o c", "neither a model nor a graph file"),
        ("export-c vae -o good.txt", "good.txt: is a file"),
        ("import-hls folder -o out.json", "folder"),
        ("import-hls missing -o out.json", "missing"),
        ("import-bdt missing.json -o out.json -f fixed<18,12>", "missing.json"),
        ("import-bdt good.txt -o out.json -f fixed<18,12>", "good.txt"),
        ("firmware nobody", "nobody"),
        ("firmware graph.json", "not a model of this repository: no HLS project can be written"),
        ("rates tau_id", "the model's input features is not an event column"),
        ("emulate narrow.json good.parquet", "good.parquet: node x: jet.et[0]: value does not fit"),
        ("rates narrow.json --zero-bias good.parquet", "good.parquet: node x: jet.et[0]: value does not fit"),
        ("cosim nobody", "neither a model nor a graph file"),
        ("synth nobody", "neither a model nor a graph file"),
        ("synth vae --tool magic", "unknown tool (got 'magic')"),
        ("train tau_id --data good.parquet -o out", "good.parquet: et: column is missing"),
        ("train eg_iso --data good.txt -o out", "good.txt: not a readable parquet file"),
        ("train event_bdt --signal missing.parquet -o out", "missing.parquet"),
        ("train vae_dense --sample folder -o out", "folder/zerobias.parquet: sample is missing"),
        ("train vae --zero-bias none.parquet -o out", "none.parquet: holds no events"),
        ("train vae --zero-bias good.parquet -o out", "too few crossings that the menu rejects"),
        ("train vae --pairs many -o out", "--pairs: is not known (got 'many')"),
        ("train tail_pairs --zero-bias missing.parquet -o out", "missing.parquet: cannot be read"),
        ("train tail_pairs --menu good.txt -o out", "good.txt"),
        ("train vae -o good.txt", "good.txt: is a file"),
        ("train muon_pt -o good.txt/out", "good.txt: is a file"),
        ("train muon_patterns -o nowhere/patterns.npz", "the folder does not exist"),
        ("train event_bdt --signal none.parquet -o out", "none.parquet: holds no events"),
        ("train event_bdt --zero-bias good.parquet -o out", "nothing does; give a larger zero-bias file"),
        ("train event_bdt --signal one.parquet -o out", "others for the evaluation (got 1)"),
        ("evaluate muon_pt --stubs good.parquet -o new", "candidate: column is missing"),
        ("evaluate muon_pt --stubs missing.parquet -o new", "missing.parquet"),
        ("evaluate muon_pt --docs good.txt -o new", "no page with table markers"),
        ("evaluate tau_id --json nowhere/out.json -o new", "the folder does not exist"),
        ("evaluate event_bdt -o good.txt", "good.txt: is a file"),
        ("rates vae --zero-bias good.parquet --signal good.parquet -o good.txt", "good.txt: is a file"),
        ("bench -o good.txt", "good.txt: is a file"),
        ("bench --seconds inf -o out", "--seconds: is not a time in s (got inf)"),
        ("demo -o good.txt", "good.txt: is a file"),
        ("firmware vae --events none.parquet -o project", "none.parquet: holds no events"),
        ("firmware vae --events missing.parquet -o project", "missing.parquet: cannot be read"),
        ("firmware tau_id --events cut.parquet -o project", "truncated"),
        ("firmware vae -o good.txt", "good.txt: is a file"),
        ("firmware vae --json nowhere/out.json -o project", "the folder does not exist"),
        ("cosim vae --events none.parquet", "none.parquet: holds no events"),
        ("cosim vae -o good.txt", "good.txt: is a file"),
        ("cosim muon_pt", "too many weights for a design with one event per clock"),
        ("synth muon_pt", "l1forge cosim-muons"),
        ("cosim vae --json nowhere/out.json", "the folder does not exist"),
        ("cosim-muons --json nowhere/out.json", "the folder does not exist"),
        ("synth vae -o good.txt", "good.txt: is a file"),
        ("synth vae --period inf", "is not a clock period in ns (got inf)"),
        ("report vae -o page.pdf", "name it .md or .html"),
        ("emulate vae good.parquet -o scores.csv", "name it .parquet or .npz"),
        ("emulate vae good.parquet -o same.parquet --json same.parquet", "is given for two outputs"),
        ("emulate tau_id good.parquet", "the model's input features is not an event column"),
        ("fuzz -o good.txt", "good.txt: is a file"),
        ("report nobody", "neither a model nor a graph file"),
        ("fuzz --replay good.txt", "good.txt"),
        ("fuzz --replay missing.json", "missing.json"),
    ],
)
def test_bad_arguments(command: str, said: str, refused: Callable[..., str]) -> None:
    refused(*command.split(), said=said)


@pytest.mark.parametrize(
    "command",
    [
        "emulate vae good.parquet --threads 0",
        "emulate vae good.parquet --block 0",
        "emulate vae good.parquet --block -5",
        "emulate vae good.parquet --frobnicate",
        "emulate vae",
        "convert good.parquet -o out.txt -n -3",
        "path good.parquet -n -1",
        "path good.parquet --threads -3",
        "path good.parquet --noise nan",
        "path good.parquet --seed -1",
        "simulate -j 0",
        "simulate --seed -1",
        "simulate-muons -o out.parquet -n 0",
        "simulate-muons -o out.parquet -n 99999999999999",
        "train eg_iso -o out --seed 4294967296",
        "fuzz -n 0",
        "firmware vae -n 0",
    ],
)
def test_numbers_that_no_command_takes(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything_below(folder)
    assert run(*command.split()) == 2
    assert re.fullmatch(r"error: .*; see l1forge [\w -]+ --help\n", capsys.readouterr().err)
    assert everything_below(folder) == before


def test_an_output_that_is_a_link_stays_one(folder: Path) -> None:
    (folder / "link.parquet").symlink_to(folder / "folder" / "there.parquet")
    assert run("emulate", "vae", "good.parquet", "-o", "link.parquet") == 0
    assert (folder / "link.parquet").is_symlink()
    assert pq.read_table(folder / "folder" / "there.parquet").num_rows == 50
    assert len(list((folder / "folder").iterdir())) == 1


def test_read_only_folder(folder: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Access rights do not bind the superuser, under whom tests may run: the system's answer is staged."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    refused("emulate", "vae", "good.parquet", "-o", "out.parquet", said="the folder is read-only")


@pytest.mark.parametrize("variable", ["L1FORGE_BUILD", "L1FORGE_CACHE"])
def test_folders_of_the_environment(
    variable: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "good.txt/folder")
    command = ("cosim", "tau_id", "-n", "10") if variable == "L1FORGE_BUILD" else ("simulate", "-n", "10")
    refused(*command, said=f"good.txt/folder: {variable}: cannot be made: Not a directory")


def test_full_disk(folder: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    refused(
        "emulate",
        "vae",
        "good.parquet",
        "-o",
        "out.parquet",
        said="out.parquet: cannot be written: No space left on device",
    )


def test_project_of_another_network(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "l1forge.firmware.hls.translate.graph.import_project", lambda project: Graph.load("narrow.json")
    )
    refused("cosim", "vae", "--hls", "folder", said="folder: --hls: is the project of another network")


@pytest.mark.parametrize("edge", ["zero", "minimum", "maximum"])
@pytest.mark.parametrize("n", [1, 40])
def test_extreme_events_are_good_events(edge: str, n: int, folder: Path) -> None:
    write_events(folder / "edge.parquet", [constant_events(n, edge)])
    assert run("emulate", "vae", "edge.parquet", "-o", "out.parquet") == 0
    scores = pq.read_table("out.parquet")
    assert scores.num_rows == n
    assert all(len(set(scores[name].to_pylist())) == 1 for name in scores.column_names)


def test_no_events_is_no_crash(folder: Path, refused: Callable[..., str]) -> None:
    assert run("emulate", "vae", "none.parquet", "-o", "out.parquet") == 0
    assert pq.read_table("out.parquet").num_rows == 0
    refused("convert", "none.parquet", "-o", "out.txt", said="there are no crossings")
    refused("rates", "vae", "--zero-bias", "none.parquet", said="holds no zero-bias crossing")
    refused("path", "none.parquet", "-n", "1", said="holds no events")


@pytest.mark.parametrize("ending", [b"\r\n", b"\n\n\n", b"", b"\n  \t", b"\n \r\n\t\n"])
def test_line_endings_of_test_vectors(ending: bytes, folder: Path) -> None:
    text = Path("good.txt").read_bytes().rstrip()
    other = text.replace(b"\n", ending) if ending == b"\r\n" else text + ending
    Path("other.txt").write_bytes(other)
    for name in ("good", "other"):
        assert run("convert", f"{name}.txt", "-o", f"{name}_read.parquet") == 0
    assert pq.read_table("good_read.parquet").equals(pq.read_table("other_read.parquet"))


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "l1forge.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(
    "command", ["emulate vae big.parquet --block 1 -o out.parquet", "convert big.parquet -o out.txt"]
)
def test_interrupt_leaves_no_half_file(command: str, folder: Path) -> None:
    write_events(folder / "big.parquet", [random_events(20_000) for _ in range(15)])
    before = set(everything_below(folder))
    process = start(*command.split(), cwd=folder)
    while set(everything_below(folder)) == before and process.poll() is None:
        time.sleep(0.005)  # until the temporary file is there
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert set(everything_below(folder)) == before


def test_reader_of_the_output_that_stops_early(folder: Path) -> None:
    process = start(
        "menu", "show", str(Path(l1forge.models.FOLDER).parent / "emulator" / "menu" / "default.yaml")
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
