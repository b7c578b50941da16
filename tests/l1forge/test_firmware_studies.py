"""Results of the firmware studies: plain data, pictures that touch no global state, notebook tables."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.bdt.conifer.flow import ConiferComparison
from l1forge.firmware.hls.fuzz.campaign import Summary
from l1forge.firmware.rtl import RtlProject
from l1forge.studies.cosim import Verification, verify
from l1forge.studies.firmware import Firmware, TreeFirmware, _compare, firmware
from l1forge.studies.fuzz import Fuzzed
from l1forge.studies.muon_cosim import Design, MuonVerification
from l1forge.studies.report import report
from l1forge.studies.synthesis import synthesise
from l1forge.testbench.directed.coverage import Coverage
from l1forge.testbench.outcome import Mismatch, Report


def _firmware(wrong: int = 0, same: bool = True) -> Firmware:
    return Firmware(
        model="net",
        project=Path("hls_projects/net"),
        same_circuit=same,
        crossings={"real": 800, "random": 200},
        mismatches={"y": wrong},
        examples=(),
        directed=Coverage([], np.zeros(0, np.bool_), np.zeros(0, np.bool_)),
        rtl=None,
        too_many_weights=30_000,
    )


def test_firmware_is_exact_only_if_circuit_and_outputs_are() -> None:
    assert _firmware().exact
    assert not _firmware(wrong=1).exact
    assert not _firmware(same=False).exact
    plain = json.loads(json.dumps(_firmware(wrong=3).to_dict()))
    assert (plain["outputs"], plain["graph"], plain["rtl"]) == ({"y": 3}, True, None)
    assert plain["crossings"] == {"real": 800, "random": 200}
    assert "is not the committed graph" in _firmware(same=False)._repr_html_()


class Compiled:
    """Stands in for compiled C++: twice the input, with one bit flipped in the last crossing it sees."""

    flip = False

    def __init__(self, folder: Path) -> None: ...

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        results = inputs[0] * 2
        results[-1, 0] ^= self.flip
        return [results]


@pytest.mark.parametrize("flip", [False, True])
def test_one_flipped_bit_of_the_cpp_is_found(flip: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide = FixedType.parse("fixed<4,4>"), FixedType.parse("fixed<5,5>")
    constants = {
        "weight": Constant(narrow, np.array([[2, 0], [0, 2]])),
        "bias": Constant(narrow, np.zeros(2, np.int64)),
    }
    nodes = [
        Node("x", "input", (), (2,), narrow),
        Node("y", "dense", ("x",), (2,), wide, {"accum": "fixed<8,8>"}, constants),
    ]
    monkeypatch.setattr(Compiled, "flip", flip)
    monkeypatch.setattr("l1forge.firmware.hls.written.compiled.open_compiled", Compiled)
    graph = Graph("net", nodes, ["y"])
    crossings, mismatches, examples, coverage = _compare(
        graph, Path("unused"), 500, [], None, 1, lambda _: None
    )
    assert sum(crossings.values()) == 500
    assert crossings["corner"] == 50
    assert coverage.crossings == 500
    kinds = len([count for count in crossings.values() if count])
    # the last crossing of each kind; the reference sees all crossings of so short kinds, too
    assert mismatches == {"y": 2 * kinds * flip}
    assert len(examples) == kinds * flip


def test_trees_tell_their_projects_and_mismatches() -> None:
    bad = TreeFirmware("trees", {"cpp": Path("a/cpp")}, ConiferComparison("cpp", 10, 2, "event 3"))
    assert not bad.exact
    assert bad.to_dict()["compared"]["mismatches"] == 2
    assert "2 mismatches in 10 events" in bad._repr_html_()
    unknown = TreeFirmware("trees", {"cpp": Path("a/cpp")}, None)
    assert "compared" not in unknown.to_dict()


def _verification(mismatches: int) -> Verification:
    project = RtlProject.__new__(RtlProject)
    found = Report("net", "digest", "harness", 9, 4.0, crossings=100, checked={"rtl": 100})
    found.mismatches = mismatches
    found.seconds = {"rtl": 2.0}
    found.stimuli = {"random": 100}
    found.examples = [Mismatch("rtl", 5, "0", 1, 2)] * mismatches
    return Verification("net", project, found, 1, 2.5)


def test_a_verification_shows_every_implementation_and_its_verdict() -> None:
    good, bad = _verification(0), _verification(1)
    assert (good.passed, bad.passed) == (True, False)
    assert good.rows() == [("emulator", "100", "-"), ("rtl", "100", "50")]
    assert "1 mismatches in 100 crossings" in bad._repr_html_()
    assert "rtl: crossing 5" in bad._repr_html_()
    assert bad.to_dict()["passed"] is False


def test_pictures_are_figures_and_leave_pyplot_alone() -> None:
    loaded = "matplotlib.pyplot" in sys.modules
    figure = _verification(0).plot()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["random"]
    assert [bar.get_width() for bar in axes.patches] == [100]
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_muon_designs_fail_together() -> None:
    good = Design("a", "emulator, RTL", 10, 0, 1, 7, None, 0, 6, 0.1)
    bad = Design("b", "emulator, RTL", 10, 4, 1, 7, "event 1", 0, 6, 0.1)
    assert MuonVerification((good,), 1).passed
    assert not MuonVerification((good, bad), 1).passed
    assert [line["mismatches"] for line in MuonVerification((good, bad), 1).to_dict()] == [0, 4]


def test_a_campaign_that_compared_nothing_has_proven_nothing() -> None:
    nothing = Fuzzed(Summary(), 1)
    assert not nothing.passed
    some = Fuzzed(Summary(networks=3, layers=Counter(dense=3)), 1)
    assert some.passed
    assert some.verdict.startswith("0 networks differ of 3 compared")


def test_a_report_says_what_was_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path))
    found = report("vae")
    assert found.to_dict()[0]["note"] == "not written yet: run `l1forge cosim vae`"
    assert "not written yet" in found.markdown()


def test_studies_refuse_before_they_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a clock period"):
        verify("vae", period=float("nan"))
    with pytest.raises(InputError, match="unknown tool"):
        synthesise("vae", tool="quartus")
    with pytest.raises(InputError, match="neither a model nor a graph file"):
        firmware("nothing", output=tmp_path)
    with pytest.raises(InputError, match="too many weights"):
        verify("muon_pt")
    assert not list(tmp_path.iterdir())
