"""`l1forge rates` of several models and scores: no result takes the place of another one silently."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.rates import app
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node


def test_folders_by_model_and_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("b.npy", np.random.default_rng(1).integers(0, 400, (300, 4)))
    for file, name in (("mine.json", "mine"), ("yours.json", "yours")):
        x = Node("x", "input", (), (4,), FixedType.parse("uint<9>"))
        outputs = [Node(y, "take", ("x",), (1,), x.type, {"index": [i]}) for i, y in enumerate("ab")]
        Graph(name, [x, *outputs], ["a", "b"]).save(file)
    runs = [
        ["mine.json"],
        ["mine.json", "--score", "b"],
        ["yours.json"],
        ["mine.json", "--rate", "5"],
    ]
    for number, arguments in enumerate(runs):
        result = CliRunner().invoke(app, [*arguments, "--zero-bias", "b.npy", "--signal", "b.npy"])
        assert result.exit_code == 0, result.output
        said = "they replace those of mine a (mine.json" in " ".join(result.output.split())
        assert said == (number == len(runs) - 1)
    folder = tmp_path / "build" / "rates"
    found = {str(path.parent.relative_to(folder)) for path in folder.rglob("rates.json")}
    assert found == {"mine", "mine/b", "yours"}
    history = [json.loads(line) for line in (folder / "mine" / "history.jsonl").read_text().splitlines()]
    assert [[target["target_khz"] for target in line["targets"]] for line in history] == [[1, 10, 30], [5]]
