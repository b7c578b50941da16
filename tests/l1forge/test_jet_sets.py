"""Networks on sets from the command line: table of all of them, folded designs, the float32 peer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from l1forge.benchmarks.set_peers import onnx_sets
from l1forge.cli import main
from l1forge.firmware.synth.table import Row
from l1forge.models.jet_sets import circuit, constituents
from l1forge.models.jet_sets.network import SetNetwork
from l1forge.models.jet_sets.shapes import Shape
from l1forge.studies.designs import FOLDED, WITHOUT_GRAPH
from l1forge.studies.jet_sets import JetSetStudy, SetDesign

ROW = Row("c" * 64, "r" * 64, "Yosys 0.70", "xcup", 1000, 500, 0, 0, 10, 20, 4.16, 3.5, 10.0)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def network(edges: int) -> SetNetwork:
    torch.manual_seed(2)
    made = SetNetwork(Shape("tiny", 4, (4, 3), (3,), edges))
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 1000, (200, 4)), *generator.integers(-200, 200, (2, 200, 4))
    made.quantise(*map(torch.from_numpy, constituents.features(*codes)))
    return made


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tiny") / "tiny.json"
    circuit.build(network(0)).save(file)
    return file


@pytest.mark.parametrize("edges", [0, 2])
def test_the_float32_peer_is_the_same_network(edges: int) -> None:
    made = network(edges)
    graph = circuit.build(made)
    generator = np.random.default_rng(3)
    pt = generator.integers(0, 2, (100, 4)) * generator.integers(1, 4000, (100, 4))
    x, present = constituents.features(pt, *generator.integers(-200, 200, (2, 100, 4)))
    types, made.types = made.types, {k: v for k, v in made.types.items() if "/" in k}  # weights only
    with torch.no_grad():
        wanted = made(torch.from_numpy(x), torch.from_numpy(present)).numpy()
    made.types = types
    np.testing.assert_allclose(onnx_sets(graph)(x, present), wanted, rtol=1e-4, atol=1e-4)


def study() -> JetSetStudy:
    pair = {"float": [0.9, 0.01], "graph": [0.89, 0.01], "difference": [-0.01, 0.002]}
    found = {"classes": dict.fromkeys("gqwzt", pair), "accuracy": {"float": 0.61, "graph": 0.6}, "jets": 7}
    designs = [SetDesign("tiny", 1, 13, 54.1, 20000.0), SetDesign("tiny_folded", 4, 20, 83.2, 6000.4)]
    return JetSetStudy(7, "a sample", {"tiny": found}, {"tiny": designs})


def test_table_and_page_have_values_with_errors_and_what_was_not_synthesised() -> None:
    head, rows = study().table()
    assert head[:4] == ["network", "right answers", "float", "AUC gluon"]
    assert rows[0][:4] == ["tiny", "60.0", "61.0", "89.00 ± 1.00 (-1.00 ± 0.20)"]
    page = study().page({"tiny_folded": ROW})
    assert "| tiny | 1 clock | 13 clocks = 54.1 ns | 20,000 | not run | - | - | - |" in page
    assert "| tiny_folded | 4 clocks | 20 clocks = 83.2 ns | 6,000 | 1,000 | 500 | 0 | 3.50 ns |" in page
    assert study().to_dict()["designs"]["tiny"][1]["interval"] == 4
    assert len(study().plot().axes) == 1


def test_every_network_on_sets_has_a_folded_design() -> None:
    assert {f"{name}_folded" for name in FOLDED} <= set(WITHOUT_GRAPH)
    assert max(FOLDED.values()) <= 6


def test_folded_design_is_compared_from_the_command_line(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("cosim", tiny, "--interval", 2, "-n", 2000, "-o", "report") == 0
    said = capsys.readouterr().out
    assert "initiation interval 2" in said
    assert "0 mismatches in 2,000 crossings × 2 implementations" in said


def test_intervals_that_do_not_fit_end_with_one_line(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, words in (
        ((tiny, "--interval", 3), "does not divide the 4 members of the set (got 3); one of 1, 2, 4"),
        ((tiny, "--interval", 2, "--vhdl"), "--vhdl: does not go with --interval"),
        ((tiny, "--interval", 2, "--deep"), "--deep: does not go with --interval"),
        (("tau_id", "--interval", 2), "it cannot be folded"),
    ):
        assert run("cosim", *arguments, "-n", 100) == 2
        error = capsys.readouterr().err
        assert words in " ".join(error.split())
        assert "Traceback" not in error
