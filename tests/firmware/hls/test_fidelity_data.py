"""Where the events of a comparison come from: parquet in several forms, arrays by name, event columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.hls.fidelity.sample import read_sample
from l1forge.studies.fidelity import ChooseTypes
from l1forge.studies.imports import import_model
from l1forge.testbench.stimuli import sample_files

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]
JETS = np.arange(12.0).reshape(4, 3) / 4
MET = np.arange(8.0).reshape(4, 2) / 2 - 1


def graph(**sizes: int) -> Graph:
    kind = FixedType.parse("fixed<12,6>")
    inputs = [Node(name, "input", (), (size,), kind) for name, size in sizes.items()]
    return Graph("g", inputs, list(sizes))


def columns(form: str) -> dict[str, Any]:
    made = {form.format("jets", i): JETS[:, i] for i in range(3)}
    return made | {form.format("met", i): MET[:, i] for i in range(2)} | {"label": [0, 1, 1, 0]}


@pytest.mark.parametrize("form", ["{}[{}]", "{}_{}", "{}{}", "{}.{}", "list"])
def test_parquet_of_two_inputs(form: str, tmp_path: Path) -> None:
    held = {"jets": list(JETS), "met": list(MET), "label": [0, 1, 1, 0]} if form == "list" else columns(form)
    pq.write_table(pa.table(held), tmp_path / "x.parquet")
    sample = read_sample(tmp_path / "x.parquet", graph(jets=3, met=2))
    assert np.array_equal(sample.inputs["jets"], JETS)
    assert np.array_equal(sample.inputs["met"], MET)
    assert sample.labels is not None
    assert sample.labels.tolist() == [0, 1, 1, 0]
    assert ("jets is jets" in sample.description) == (form not in ("{}[{}]", "list"))


def test_parquet_of_one_input(tmp_path: Path) -> None:
    """A list under a usual name; as many columns of numbers as elements; else what is missing is said."""
    pq.write_table(pa.table({"x": list(JETS), "weight": [1.0] * 4}), tmp_path / "list.parquet")
    assert np.array_equal(read_sample(tmp_path / "list.parquet", graph(features=3)).inputs["features"], JETS)
    named = {
        "pt": JETS[:, 0],
        "eta": JETS[:, 1],
        "phi": JETS[:, 2],
        "name": list("abcd"),
        "truth": [1, 0, 0, 1],
    }
    pq.write_table(pa.table(named), tmp_path / "named.parquet")
    sample = read_sample(tmp_path / "named.parquet", graph(features=3), "truth")
    assert np.array_equal(sample.inputs["features"], JETS)
    assert sample.description.endswith("features is pt, eta, phi")
    with pytest.raises(InputError, match=r"a list column features, or the columns features\[0\]"):
        read_sample(tmp_path / "named.parquet", graph(features=2), "truth")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "named.parquet").read_bytes()[:300])
    with pytest.raises(InputError, match=r"cut\.parquet: .*parquet"):
        read_sample(tmp_path / "cut.parquet", graph(features=3))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(8, 2)

    def forward(self, jets: torch.Tensor, met: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(torch.cat([self.first(jets), self.second(met)], 1)))


def test_onnx_keeps_the_names_of_its_inputs(tmp_path: Path) -> None:
    torch.manual_seed(1)
    example = torch.zeros(1, 3), torch.zeros(1, 2)
    for names in (["jets", "met"], ["input", "2nd"], ["jet.pt", "double"]):
        torch.onnx.export(
            Two().eval(),
            example,
            str(tmp_path / "two.onnx"),
            input_names=names,
            output_names=["y"],
            dynamo=False,
        )
        arrays = dict(zip(names, (JETS, MET), strict=True))
        np.savez(tmp_path / "x.npz", **arrays)
        found = import_model(tmp_path / "two.onnx", "fixed<12,4>", data=tmp_path / "x.npz")
        made = [node.name for node in found.graph.inputs]
        assert (
            made
            == {
                "jets": ["jets", "met"],
                "input": ["global_in", "global_in_1"],  # no names: 2nd begins with a digit
                "jet.pt": ["jet_pt", "double_1"],
            }[names[0]]
        )
        assert found.fidelity is not None
        assert found.fidelity.outputs[0].largest < 0.05


def test_event_columns(tmp_path: Path) -> None:
    """Codes of the sample, compared and chosen with."""
    torch.manual_seed(2)
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
    with torch.no_grad():
        network[0].weight *= 0.02
    torch.save(network, tmp_path / "net.pt")
    sources = ["jet.et[0]", "0", "mu.pt[0]", "etm.et[0]"]
    given: dict[str, Any] = {"input_shapes": [(4,)], "sources": sources}
    events = sample_files()[0]
    found = import_model(
        tmp_path / "net.pt", "fixed<13,13>", default_precision="fixed<24,12>", data=events, **given
    )
    assert found.fidelity is not None
    assert found.fidelity.outputs[0].largest < 0.5
    how = ChooseTypes(events, "error=0.05", rtl_points=0)
    chosen = import_model(tmp_path / "net.pt", "fixed<13,13>", choose=how, **given)
    assert chosen.choice is not None
    assert chosen.choice.held_out < 0.06
    assert chosen.graph.inputs[0].attributes["source"] == sources
    with pytest.raises(InputError, match=r"holds integers.*--input-type"):
        import_model(tmp_path / "net.pt", choose=how, **given)
    with pytest.raises(InputError, match="names no event columns"):
        import_model(tmp_path / "net.pt", "fixed<13,13>", data=events, input_shapes=[(4,)])
