"""Exports for the global trigger: GHDL's simulation is the emulator, faults are noticed, names are apart."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.tools.ghdl import find_ghdl
from l1forge.firmware.ugt import UgtProject, write_ugt
from l1forge.testbench.ugt import random_events, simulate, verify_ugt

SOURCES = ["jet.et[0]", "jet.eta[0]", "mu.pt[1]", "etm.phi[0]", "tau.iso[11]", "0"]


def scored(kind: str = "ufixed<12,12,TRN,SAT>", sources: list[str] = SOURCES, width: int = 13) -> Graph:
    """A weighted sum of six fields of objects, saturated to 12 bits."""
    x = Node("x", "input", (), (6,), FixedType.parse(f"fixed<{width},{width}>"), {"source": sources})
    constants = {
        "weight": Constant(FixedType.parse("fixed<5,5>"), np.array([[1], [3], [2], [5], [-7], [11]])),
        "bias": Constant(FixedType.parse("fixed<9,9>"), np.array([200])),
    }
    y = Node("y", "dense", ("x",), (1,), FixedType.parse(kind), {"accum": "fixed<24,24>"}, constants)
    return Graph("Small-net", [x, y], ["y"])


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> UgtProject:
    folder = tmp_path_factory.mktemp("ugt") / "out"
    return write_ugt(scored(), folder, "v3", score=None, threshold=1000, latency=2)


def test_the_simulation_is_the_emulator(export: UgtProject) -> None:
    found = verify_ugt(export, scored(), random_events(300, 4))
    assert (found.passed, found.crossings, found.latency) == (True, 300, 2)
    assert 20 < found.fired < 280
    assert found.verdict.startswith("0 mismatches in 300 crossings × score and decision at 2 clocks; ")


def test_scores_of_crossings_by_hand(export: UgtProject) -> None:
    events = random_events(3, 1)
    for name in events:
        events[name][:] = 0
    events["jet.et"][0] = [100, 2047, 0]
    events["jet.eta"][0] = [-10, 100, -115]
    events["mu.pt"][1] = [20, 511, 0]
    score, decision = simulate(export, events)
    assert score.tolist() == [100 - 30 + 40 + 200, 2047 + 300 + 1022 + 200, 0]  # -145 saturates at 0
    assert decision.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("v3.vhd", "jets_0(10 downto 0)", "jets_1(10 downto 0)"),
        ("v3_wrapper.vhd", ">= to_unsigned(threshold, 18)", "> to_unsigned(threshold + 1, 18)"),
        ("v3_model.vhd", "in_valid", "in_valid"),
    ],
)
def test_faults_are_noticed(file: str, old: str, new: str, export: UgtProject, tmp_path: Path) -> None:
    """A wrong object, a wrong comparison; and, where nothing is changed, nothing is found."""
    shutil.copytree(export.folder, tmp_path / "bad")
    bad = UgtProject.load(tmp_path / "bad")
    (source,) = [tmp_path / "bad" / name for name in bad.sources if name.endswith(f"small_net_{file}")]
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    events = random_events(300, 4)
    events["jet.et"][0] = np.arange(300) + 650
    for name in ("jet.eta", "mu.pt", "etm.phi", "tau.iso"):
        events[name][:] = 0
    found = verify_ugt(bad, scored(), events)
    assert found.passed == (old == new)


def test_a_late_score_is_noticed(export: UgtProject, tmp_path: Path) -> None:
    shutil.copytree(export.folder, tmp_path / "late")
    text = (tmp_path / "late/ugt.json").read_text().replace('"latency": 2', '"latency": 3')
    (tmp_path / "late/ugt.json").write_text(text)
    assert not verify_ugt(UgtProject.load(tmp_path / "late"), scored(), random_events(100, 4)).passed


def test_names_of_two_versions_do_not_clash(export: UgtProject, tmp_path: Path) -> None:
    other = write_ugt(scored(), tmp_path / "out", "v4", score=None, threshold=1, latency=2)
    entities = [
        re.findall(r"(?im)^entity (\w+) is", (made.folder / name).read_text())
        for made in (export, other)
        for name in made.sources
    ]
    names = [name for found in entities for name in found]
    assert len(names) == len(set(names)) > 8
    assert all(name.startswith(("small_net_v3", "small_net_v4")) for name in names)
    listed = (other.folder / "cfg/small_net_trigger.dep").read_text().splitlines()
    assert listed[-1] == "src payload/gtl/small_net_trigger/model_v4/small_net_v4_wrapper.vhd"
    ghdl = find_ghdl()
    files = ["sim/gtl_pkg.vhd", *other.sources]
    ghdl.run(["-a", "--std=08", f"--workdir={tmp_path}", *(str(other.folder / f) for f in files)], tmp_path)


@pytest.mark.parametrize(
    ("graph", "options", "said"),
    [
        (scored(sources=["x", *SOURCES[1:]]), {}, "the input is not an event column.*got 'x'"),
        (scored(sources=["jet.et[12]", *SOURCES[1:]]), {}, "is not an event column"),
        (scored(sources=["htt.mbt0hfm[0]", *SOURCES[1:]]), {}, "lies beyond the 20 bits of a sum"),
        (scored(width=11), {}, "does not hold all codes of this column, 0 to 2047"),
        (scored("fixed<12,12>"), {}, "compares unsigned scores of 18 bits"),
        (scored("ufixed<19,19>"), {}, "compares unsigned scores of 18 bits"),
        (scored(), {"threshold": 4096}, "the score never reaches it"),
        (scored(), {"version": "2.0"}, "is not a name in VHDL"),
        (scored(), {"latency": 1}, "--latency: is too short"),
        (scored(), {"score": "z"}, "is not a score of this graph"),
    ],
)
def test_what_is_refused(graph: Graph, options: dict[str, object], said: str, tmp_path: Path) -> None:
    given = {"version": "v1", "score": None, "threshold": 0, "latency": 2} | options
    with pytest.raises(InputError, match=said):
        write_ugt(graph, tmp_path / "out", given.pop("version"), **given)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = scored()
    graph.name = "small"
    graph.save(tmp_path / "small.json")
    (tmp_path / "menu.yaml").write_text(
        'menu: m\nscores: {small: {type: "ufixed<12,12>"}}\nalgorithms:\n'
        '  - {name: L1_A, seed: "SCORE(small) >= 700"}\n  - {name: L1_B, seed: "SCORE(small) >= 900"}\n'
    )
    arguments = ["export-ugt", str(tmp_path / "small.json"), "-n", "100"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--menu", str(tmp_path / "menu.yaml"), "-o", str(tmp_path / "out")])
    assert end.value.code == 0
    assert UgtProject.load(tmp_path / "out").threshold == 700
    source = tmp_path / "out/gtl/small_trigger/model_v1/small_v1.vhd"
    source.write_text(source.read_text().replace("jets_0(10 downto 0)", "jets_2(10 downto 0)"))
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--check", str(tmp_path / "out"), "--junit", str(tmp_path / "j.xml")])
    assert end.value.code == 1
    assert 'failures="1"' in (tmp_path / "j.xml").read_text()
    assert "mismatches in 100 crossings" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--check", str(tmp_path)])
    assert end.value.code == 2
    assert "is not an export for the global trigger" in capsys.readouterr().err


def test_another_graph_is_noticed(export: UgtProject, tmp_path: Path) -> None:
    """The same score on these crossings is not enough: the folder was exported from another graph."""
    other = scored()
    other.nodes.insert(0, replace(other.nodes[0], name="unused"))
    assert verify_ugt(
        export, other, random_events(100, 4)
    ).passed  # what the score does not need, does not count
    bias = other["y"].constants["bias"]
    for node in other.nodes:
        if node.name == "y":
            node.constants["bias"] = replace(bias, type=FixedType.parse("fixed<12,12>"))
    found = verify_ugt(export, other, random_events(100, 4))
    assert found.score.exact
    assert not found.passed
    assert found.verdict.endswith("exported from another graph: export again")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sources", ["../x.vhd"]),
        ("latency", "2"),
        ("digest", None),
        ("version_of_format", 1),
        ("name", "a b"),
    ],
)
def test_manifests_that_are_none(key: str, value: object, export: UgtProject, tmp_path: Path) -> None:
    document = json.loads((export.folder / "ugt.json").read_text())
    (tmp_path / "ugt.json").write_text(json.dumps(document | {key: value}))
    with pytest.raises(InputError, match="is not an export for the global trigger"):
        UgtProject.load(tmp_path)
