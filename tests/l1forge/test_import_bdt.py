"""`l1forge import-bdt`: files of three libraries to graphs, and bad input in one line."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.cli import main
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate

DATA = Path(__file__).parents[1] / "firmware" / "bdt" / "data"
TMVA, XGBOOST = DATA / "tmva-grad.weights.xml", DATA / "xgboost-3.2.0-binary.json"


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["import-bdt", *map(str, arguments)])
    return int(stop.value.code or 0)


def test_types_given(tmp_path: Path) -> None:
    assert call(TMVA, "-f", "fixed<12,6>", "--score", "fixed<14,4>", "-o", tmp_path / "g.json") == 0
    graph = Graph.load(tmp_path / "g.json")
    assert str(graph.inputs[0].type) == "fixed<12,6>"
    assert graph.meta["library"] == "tmva"
    assert evaluate(graph, np.zeros((1, 3), np.int64))["score"].shape == (1, 1)


def test_types_chosen_from_data(tmp_path: Path) -> None:
    features = np.array(json.loads(XGBOOST.read_text())["reference"]["features"], np.float64)
    columns = np.floor(np.nan_to_num(features) * 8) / 8
    pq.write_table(pa.table({f"f{i}": columns[:, i] for i in range(4)}), tmp_path / "data.parquet")
    output = tmp_path / "g.json"
    assert call(XGBOOST, "--data", tmp_path / "data.parquet", "--loss", "0.05", "-o", output) == 0
    assert "quantised" in [node.name for node in Graph.load(output).nodes]


def test_event_columns(tmp_path: Path) -> None:
    columns = ["jet.et[0]", "jet.et[1]", "etm.et[0]", "0"]
    options = [word for column in columns for word in ("-s", column)]
    assert call(XGBOOST, "-f", "uint<12>", *options, "-o", tmp_path / "g.json") == 0
    graph = Graph.load(tmp_path / "g.json")
    assert graph.inputs[0].attributes["source"] == columns


def test_event_columns_with_types_chosen_from_data(tmp_path: Path) -> None:
    """A count of the column stays what --feature says, however coarse the chosen types are."""
    even = np.random.default_rng(1).integers(0, 60, (400, 4)) * 2.0
    pq.write_table(pa.table({f"f{i}": even[:, i] for i in range(4)}), tmp_path / "data.parquet")
    sources = [word for i in range(4) for word in ("-s", f"jet.et[{i}]")]
    options = ["--data", tmp_path / "data.parquet", "--loss", "0.05", *sources, "-o", tmp_path / "g.json"]
    assert call(XGBOOST, "-f", "uint<11>", *options) == 0
    assert str(Graph.load(tmp_path / "g.json").inputs[0].type) == "ufixed<11,11>"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((XGBOOST,), "the types of the features are not given"),
        ((XGBOOST, "-f", "fixed<8"), "is not a fixed-point type"),
        ((XGBOOST, "-f", "int<8>", "-f", "int<8>"), "one type for each of 4 features"),
        ((XGBOOST, "-f", "int<8>", "-s", "jet.et[0]"), "one event column for each of 4 features"),
        ((XGBOOST, "-f", "int<8>", "-s", "jet.xx[0]"), "--source: is not an event column (got 'jet.xx[0]')"),
        ((XGBOOST, "-f", "int<8>", "-s", "jet.et[12]"), "jet.et[0] … jet.et[11]"),
        ((XGBOOST, "-s", "jet.et[0]"), "the physical value of one count is not known"),
        (("absent.json", "-f", "int<8>"), "cannot read model"),
        ((XGBOOST, "-f", "int<8>", "--score", "fixed<4,-6>"), "does not fit fixed<4,-6>"),
        ((XGBOOST, "--data", "absent.parquet"), "absent.parquet: cannot read"),
        ((XGBOOST, "--data", DATA), "cannot read"),
        ((XGBOOST, "-f", "int<8>", "--loss", "nan"), "--loss: is out of range (got nan)"),
        ((XGBOOST, "-f", "int<8>", "--cut", "inf"), "--cut: is out of range (got inf)"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[object, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments, "-o", tmp_path / "g.json") == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
