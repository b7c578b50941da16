"""The project on disk: manifest, names, and when it is written again."""

import json
import re

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.firmware.rtl.ports import identifier


def make(
    name: str = "small", width: int = 6, sources: tuple[str, ...] = ("mu.pt[0]", "mu.pt[0]", "0")
) -> Graph:
    kind = FixedType(width, width)
    nodes = [
        Node("x", "input", (), (3,), kind, {"source": list(sources)}),
        Node("sq", "square", ("x",), (3,), FixedType(2 * width, 2 * width, False)),
        Node("table", "sum", ("sq",), (1,), FixedType(20, 20, False), {"accum": "uint<20>"}),
    ]
    return Graph(name, nodes, ["table"])


def test_ports_follow_the_sources_and_avoid_keywords(tmp_path) -> None:
    project = generate(make(), tmp_path / "p")
    assert [port.name for port in project.inputs] == ["mu_pt_0", "mu_pt_0_copy2", "x_2_zero"]
    assert [port.name for port in project.outputs] == ["table_"]
    assert [port.type for port in project.outputs] == ["ufixed<20,20>"]
    assert project.name == "small_"
    top = (project.folder / "small_.v").read_text()
    for port in ("clk", "rst", "in_valid", "out_valid", "signed [5:0] mu_pt_0,", "[19:0] table_"):
        assert port in top


@pytest.mark.parametrize(
    ("text", "expected"),
    [("jet.et[3]", "jet_et_3"), ("a__b", "a_b"), ("3x", "x_3x"), ("clk", "clk_"), ("", "x")],
)
def test_identifier(text: str, expected: str) -> None:
    assert identifier(text) == expected


def test_latency_follows_the_stages(tmp_path) -> None:
    for stages in (1, 3):
        project = generate(make(), tmp_path / str(stages), stages=stages)
        assert (project.stages, project.latency) == (stages, stages + 1)
        assert f"reg [{stages}:0] valid;" in (project.folder / "small_.v").read_text()
    fast = generate(make(), tmp_path / "fast", clock_period_ns=1.5)
    slow = generate(make(), tmp_path / "slow", clock_period_ns=50.0)
    assert fast.latency > slow.latency == 2


def test_written_again_only_if_something_changed(tmp_path) -> None:
    first = generate(make(), tmp_path / "p")
    circuit = first.circuit
    stamp = (first.folder / "manifest.json").stat().st_mtime_ns
    again = generate(make(), tmp_path / "p")
    assert again == first
    assert (again.folder / "manifest.json").stat().st_mtime_ns == stamp
    other = generate(make(width=7), tmp_path / "p")
    assert other.digest != first.digest
    assert other.circuit != circuit
    assert other.circuit == generate(make(width=7), tmp_path / "q").circuit
    (other.folder / other.files[0]).unlink()
    assert generate(make(width=7), tmp_path / "p").digest == other.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "q"]


def test_verilog_is_deterministic(tmp_path) -> None:
    texts = [[source.read_text() for source in generate(make(), tmp_path / str(i)).sources] for i in range(2)]
    assert texts[0] == texts[1]


def test_damaged_manifest_is_named(tmp_path) -> None:
    project = generate(make(), tmp_path / "p")
    file = project.folder / "manifest.json"
    document = json.loads(file.read_text())
    assert document["initiation_interval"] == 1
    file.write_text(json.dumps({**document, "version": 99}))
    with pytest.raises(InputError, match=re.escape(str(file))):
        RtlProject.load(project.folder)
    with pytest.raises(InputError, match="cannot read RTL manifest"):
        RtlProject.load(tmp_path / "nothing")


@pytest.mark.parametrize("options", [{"stages": 0}, {"clock_period_ns": 0.0}])
def test_bad_parameters(tmp_path, options) -> None:
    with pytest.raises(InputError, match="must be"):
        generate(make(), tmp_path / "p", **options)


def test_outputs_choose_what_is_built(tmp_path) -> None:
    project = generate(make("both"), tmp_path / "p", outputs=["sq", "table"])
    assert [port.name for port in project.outputs] == ["sq_0", "sq_1", "sq_2", "table_"]
    assert sum(register.width for register in project.registers) >= np.sum([6 * 3, 10])
