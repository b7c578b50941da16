"""The import studies as a notebook calls them: typed results without a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.studies.import_trees import import_bdt
from l1forge.studies.imports import import_hls, import_model

TREES = Path(__file__).parents[1] / "firmware" / "bdt" / "data"


@pytest.mark.filterwarnings("ignore")
def test_a_network_file_becomes_a_result_with_its_comparison(tmp_path: Path) -> None:
    torch.manual_seed(1)
    torch.save(nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), tmp_path / "net.pt")
    steps: list[str] = []
    found = import_model(
        tmp_path / "net.pt",
        "fixed<8,4>",
        input_shapes=[(4,)],
        project=tmp_path / "project",
        verify=100,
        progress=steps.append,
    )
    assert steps == ["converting with hls4ml", "proving ranges", "compiling with g++"]
    assert found.exact
    assert [(one.events, one.mismatches) for one in found.compared] == [(100, 0)]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["nodes"][0] == {
        "node": found.graph.inputs[0].name,
        "operation": "input",
        "shape": "4",
        "type": "fixed<8,4>",
    }
    assert "fixed&lt;8,4&gt;" in found._repr_html_()
    again = import_hls(tmp_path / "project")
    assert again.compared == ()
    assert again.to_dict()["nodes"] == plain["nodes"]


def test_columns_are_checked_before_the_project_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not an event column.*jet\.et\[0\]"):
        import_hls(tmp_path, sources=["jett.et[0]"])


def test_trees_become_a_result(tmp_path: Path) -> None:
    file = sorted(TREES.glob("*.weights.xml"))[0]
    found = import_bdt(file, features=["fixed<22,13>"], score="fixed<18,6>")
    assert found.library == "tmva"
    assert found.to_dict()["trees"] == found.trees > 0
    assert found.loss is None
    found.save(tmp_path / "graph.json")
    assert (tmp_path / "graph.json").is_file()
