"""Files made to fill memory or time: one line within seconds, and little memory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from tests.l1forge.broken import random_events


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    started = time.process_time()
    with pytest.raises(SystemExit) as end:
        main(list(command))
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert time.process_time() - started < 10
    return error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_events("good.parquet", [random_events(20)])
    return tmp_path


def bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(), "more than 100,000 values; aliases (*name) are written out: refer to fewer or smaller ones"),
        ("a: &a [*a]", "nested too deeply"),
        ("[" * 5000, "nested too deeply"),
        ("? [1, 2]\n: 3", "a list or mapping cannot be a key"),
        ("? {a: 1}\n: 3", "a list or mapping cannot be a key"),
        ("menu: " + "9" * 10_000, "malformed YAML"),
    ],
)
def test_yaml(text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(text)
    assert said in refused(capsys, "menu", "show", "bad.yaml")


def graph(shape: list[int], count: int = 1) -> str:
    nodes = [{"name": "x", "op": "input", "shape": shape, "type": "fixed<8,4>"}]
    for i in range(1, count):
        before = nodes[-1]["name"]
        nodes.append({**nodes[0], "name": f"n{i}", "op": "relu", "inputs": [before]})
    head = {"format": "l1forge-graph", "version": 1, "name": "g", "outputs": ["x"]}
    return json.dumps({**head, "nodes": nodes})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (graph([10**12]), "node x: shape: too large for a graph (got [1000000000000])"),
        (graph([1 << 32, 1 << 32]), "500,000 elements in all"),
        (graph([1] * 17), "at most 16 axes"),
        (graph([250_001], 2), "node n1: shape: too large for a graph"),
        (graph([1], 200_000), "nodes: too many nodes for a graph (got 200000); at most 50,000"),
        (graph([1]).replace("[1]", "[" + "9" * 10_000 + "]"), "an integer of more than 4,300 digits"),
        (graph([1]).replace('"version"', '"name": "h", "version"'), "the key 'name' is there twice"),
    ],
)
def test_graphs(text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.json").write_text(text)
    assert said in refused(capsys, "emulate", "bad.json", "good.parquet")


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowMemoryError("malloc of size 64 failed"),
        MemoryError("Unable to allocate 8 GiB"),
        OSError("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
    ],
)
def test_too_little_memory_is_not_a_damaged_file(
    error: Exception, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", fail)
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", fail)
    said = refused(capsys, "convert", "good.parquet", "-o", "out.txt")
    assert "not enough memory" in said
    assert "damaged" not in said
    assert not (folder / "out.txt").exists()
