"""`l1forge path` where not everything can be evaluated: said, counted, and not in the FinOR."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.formats.ugt_vectors import EARLY, FULL, write_test_vectors
from l1forge.emulator.events.objects import EXTRA_COLUMNS, Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.language.load import load_menu
from l1forge.simulation.sample import N_TRAIN

Run = Callable[..., tuple[int, str, str]]
SAMPLE = Path(__file__).parents[3] / "simulation" / "sample" / "zerobias.parquet"
F9 = """menu: T
cuts:
  AXO-MODEL_v4: {type: MODEL, object: AXO, data: v4}
  AXO-SCORE_L: {type: SCORE, object: AXO, min: 500}
algorithms:
  - {index: 5, name: A_JET, seed: JET50}
  - {index: 6, name: A_AXO, seed: "AXO[AXO-MODEL_v4,AXO-SCORE_L]"}
  - {index: 7, name: A_NOT, seed: "JET30 AND NOT AXO[AXO-MODEL_v4,AXO-SCORE_L]"}
"""
"""The field's case of a network seed without scores."""
EXTERNALS = """menu: E
externals: {BPTX_AND: 4, FIRST_COLLISION: 70}
algorithms:
  - {index: 1, name: L1_Jet, seed: JET50}
  - {index: 2, name: L1_NotFirst, seed: "NOT EXT_FIRST_COLLISION"}
  - {index: 3, name: L1_ZeroBias, seed: EXT_BPTX_AND}
  - {index: 4, name: L1_JetFirst, seed: "JET30 AND EXT_FIRST_COLLISION"}
  - {index: 5, name: L1_Cicada, seed: "NOT ZDCM100"}
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["l1forge", "path", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return call


def _menu(tmp_path: Path, text: str) -> Path:
    (tmp_path / "menu.yaml").write_text(text)
    return tmp_path / "menu.yaml"


def _jets(n: int, et: int) -> Events:
    columns = np.zeros((12, n), np.int16)
    columns[0] = et
    return Events({"jet.et": columns}, n)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """3000 crossings with a jet of 40 GeV: A_JET never fires."""
    write_events(tmp_path / "zb.parquet", [_jets(3000, 80)])
    return tmp_path / "zb.parquet"


def _counts(path: Path) -> tuple[dict[str, int], dict]:
    report = json.loads(path.read_text())
    return {row["name"]: row["count_before"] for row in report["algorithms"]}, report


def test_a_menu_whose_model_is_not_here_can_go_on(run: Run, sample: Path, tmp_path: Path) -> None:
    menu, out = _menu(tmp_path, F9), tmp_path / "r.json"
    code, _, err = run(sample, "--menu", menu, "-n", 1)
    assert (code, err.count("\n")) == (2, 1)
    assert "give --model axo_v4=graph.json, --scores FILE, or --without-model axo_v4" in err
    code, text, err = run(sample, "--menu", menu, "-n", 1, "--without-model", "axo_v4", "--json", out)
    assert code == 0, err
    left_out = "2 of 3 seeds are not evaluated and do not enter the FinOR: without model axo_v4: A_AXO, A_NOT"
    assert left_out in text
    counts, report = _counts(out)
    assert counts == {"A_JET": 0}
    assert report["finor"] == 0  # NOT of what is not evaluated fires nothing
    assert report["excluded"] == [
        {"index": 6, "name": "A_AXO", "reason": "without model axo_v4"},
        {"index": 7, "name": "A_NOT", "reason": "without model axo_v4"},
    ]
    code, _, err = run(sample, "--menu", menu, "-n", 1, "--without-model", "axo_v5")
    assert (code, err.count("\n")) == (2, 1)
    assert "--without-model: the menu does not use this model (got 'axo_v5'); it uses axo_v4" in err


def test_nothing_left_to_evaluate_is_refused(run: Run, sample: Path, tmp_path: Path) -> None:
    menu = _menu(tmp_path, F9.replace("  - {index: 5, name: A_JET, seed: JET50}\n", ""))
    code, _, err = run(sample, "--menu", menu, "-n", 1, "--without-model", "axo_v4")
    assert (code, err.count("\n")) == (2, 1)
    assert "no seed of the menu can be evaluated" in err


def _scores(path: Path, n: int, name: str = "axo_v4") -> Path:
    """Every tenth row of the source is above the threshold of 500."""
    pq.write_table(pa.table({name: np.where(np.arange(n) % 10 == 3, 500, 499).astype(np.int32)}), path)
    return path


@pytest.mark.parametrize("noise", [0, 0.5])
@pytest.mark.parametrize("neighbours", [False, True])
def test_given_scores_follow_their_rows(
    run: Run, sample: Path, tmp_path: Path, noise: float, neighbours: bool
) -> None:
    """2748 crossings an orbit, 3000 rows: row k % 3000. Empty crossings and noise have no score."""
    extra = '  - {index: 9, name: A_NEXT, seed: "JET50+1"}\n' if neighbours else ""
    menu, out = _menu(tmp_path, F9 + extra), tmp_path / "r.json"
    scores = _scores(tmp_path / "s.parquet", 3000)
    options = ["--menu", menu, "-n", 4, "--scores", scores, "--noise", noise, "--json", out]
    code, text, err = run(sample, *options)
    assert code == 0, err
    fired = int((np.arange(4 * 2748) % 3000 % 10 == 3).sum())
    counts, report = _counts(out)
    assert counts["A_AXO"] == fired
    assert counts["A_NOT"] == 4 * 2748 - fired  # in noise, too, NOT of an unknown score does not fire
    assert report["excluded"] == []
    assert report["scores"] == str(scores)
    assert f"scores of {scores}: axo_v4" in text


def test_given_scores_of_a_replay(run: Run, tmp_path: Path) -> None:
    """As the menu alone decides with the scores row by row, wrapped as the file is."""
    vectors, menu = tmp_path / "v.txt", _menu(tmp_path, F9.replace("JET50", "JET50-1"))
    jets = _jets(3564, 80)
    jets["jet.et"][0, ::7] = 120
    write_test_vectors(vectors, [jets])
    scores = _scores(tmp_path / "s.parquet", 3564)
    code, _, err = run(vectors, "--menu", menu, "-n", 2, "--scores", scores, "-o", tmp_path / "o.txt")
    assert code == 0, err
    (ours,) = open_events(tmp_path / "o.txt").blocks()
    given = {"axo_v4": pq.read_table(scores)["axo_v4"].to_numpy()}
    expected = MenuEvaluator(load_menu(menu))(jets, given, "orbit")
    np.testing.assert_array_equal(ours["algo"], np.tile(expected, 2))
    assert algorithm_bit(expected, 6).sum() == 357  # 3, 13 ... 3563


@pytest.mark.parametrize(
    ("rows", "name", "options", "message"),
    [
        (2999, "axo_v4", [], "3000 crossings in"),
        (3000, "axo", [], "the menu has no such score (got 'axo'); it uses axo_v4"),
        (
            3000,
            "axo_v4",
            ["--without-model", "axo_v4"],
            "the menu has no such score (got 'axo_v4'); it uses none",
        ),
        (3000, "axo_v4", ["--signal", "zb.parquet"], "--scores: has no scores of the signal"),
    ],
)
def test_scores_that_do_not_fit(
    run: Run, sample: Path, tmp_path: Path, rows: int, name: str, options: list[str], message: str
) -> None:
    menu, scores = _menu(tmp_path, F9), _scores(tmp_path / "s.parquet", rows, name)
    options = [str(tmp_path / o) if "." in o else o for o in options]
    code, _, err = run(sample, "--menu", menu, "-n", 1, "--scores", scores, *options)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


@pytest.mark.parametrize("found", ["uint<18>", "ufixed<17,13>", "fixed<18,14>", "ufixed<18,14,RND,SAT>"])
@pytest.mark.parametrize("network", ["AXO", "TOPO", "ADT"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_bound_to_a_network_object_has_the_type_that_the_object_implies(
    run: Run, sample: Path, tmp_path: Path, found: str, network: str, compiled: bool
) -> None:
    menu = _menu(tmp_path, F9.replace("AXO", network))
    if compiled:
        load_menu(menu).save(menu := tmp_path / "m.json")
    code = FixedType.parse("uint<11>")
    x = Node("x", "input", (), (1,), code, {"source": ["jet.et[0]"]})
    Graph("net", [x, Node("y", "cast", ("x",), (1,), FixedType.parse(found))], ["y"]).save(
        tmp_path / "g.json"
    )
    model = f"{network.lower()}_v4={tmp_path / 'g.json'}"
    exit_code, _, err = run(sample, "--menu", menu, "-n", 1, "--model", model)
    if "RND" in found:  # how it rounds does not matter
        assert exit_code == 0, err
    else:
        assert (exit_code, err.count("\n")) == (2, 1)
        assert f"the menu declares {network.lower()}_v4 as ufixed<18,14>" in err
        assert "g.json: output y" in err


def test_a_menu_may_not_declare_another_type_for_a_network_object(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    menu = _menu(tmp_path, F9 + 'scores: {axo_v4: {type: "ufixed<16,8>"}}\n')
    code, _, err = run(sample, "--menu", menu, "-n", 1)
    assert (code, err.count("\n")) == (2, 1)
    assert (
        "the thresholds of AXO objects are raw integers of ufixed<18,14> (got 'axo_v4: ufixed<16,8>')" in err
    )


def test_externals_that_the_events_lack(run: Run, sample: Path, tmp_path: Path) -> None:
    menu, out = _menu(tmp_path, EXTERNALS), tmp_path / "r.json"
    code, text, err = run(sample, "--menu", menu, "-n", 1, "--json", out)
    assert code == 0, err
    counts, report = _counts(out)
    assert counts == {"L1_Jet": 0}
    assert report["finor"] == 0
    assert [seed["name"] for seed in report["excluded"]] == [
        *("L1_NotFirst", "L1_ZeroBias", "L1_JetFirst", "L1_Cicada")
    ]
    assert text.count("absent external signals: BPTX_AND, FIRST_COLLISION\n") == 1
    assert "the events have no external signals: L1_NotFirst, L1_ZeroBias, L1_JetFirst" in text
    assert "the events have no link words: L1_Cicada" in text


def test_externals_of_a_file_without_bx_numbers_are_not_carried(run: Run, tmp_path: Path) -> None:
    """A stream that fills orbits holds objects only: a file's external bits are of other crossings."""
    menu, out = _menu(tmp_path, EXTERNALS), tmp_path / "r.json"
    events = Events({**_jets(500, 80), "ext": np.full((4, 500), ~np.uint64(0))}, 500)
    write_events(tmp_path / "e.parquet", [events])
    code, _, err = run(tmp_path / "e.parquet", "--menu", menu, "-n", 1, "--json", out)
    assert code == 0, err
    assert len(_counts(out)[1]["excluded"]) == 4


def test_externals_of_a_test_vector_are_evaluated(run: Run, tmp_path: Path) -> None:
    menu, out = _menu(tmp_path, EXTERNALS), tmp_path / "r.json"
    ext = np.zeros((EXTRA_COLUMNS["ext"][0], 3564), np.uint64)
    ext[0] = 1 << 4
    write_test_vectors(tmp_path / "v.txt", [Events({**_jets(3564, 80), "ext": ext}, 3564)])
    code, _, err = run(tmp_path / "v.txt", "--menu", menu, "-n", 1, "--json", out)
    assert code == 0, err
    counts, report = _counts(out)
    assert counts == {
        "L1_Jet": 0,
        "L1_NotFirst": 3564,
        "L1_ZeroBias": 3564,
        "L1_JetFirst": 0,
        "L1_Cicada": 3564,
    }
    assert report["excluded"] == []


@pytest.mark.parametrize("screened", [False, True])
def test_the_evaluator_itself_fires_no_seed_on_absent_externals(tmp_path: Path, screened: bool) -> None:
    text = EXTERNALS
    if screened:  # nothing fires without objects
        text = "\n".join(line for line in text.splitlines() if "NOT" not in line)
        text += '\n  - {index: 2, name: L1_X, seed: "JET30 AND NOT EXT_FIRST_COLLISION"}\n'
    evaluate = MenuEvaluator(load_menu(_menu(tmp_path, text)))
    assert (evaluate.screen is not None) == screened
    jets = _jets(100, 80)
    assert not algorithm_bit(evaluate(jets), 2).any()
    present = Events({**jets, "ext": np.zeros((4, 100), np.uint64)}, 100)
    assert algorithm_bit(evaluate(present), 2).all()


def _rows(n: int, columns: int) -> str:
    """Crossings of random words, bits that no field holds included."""
    rng = np.random.default_rng(4)
    taus, sums, links = (12, 6, 6) if columns == FULL else (8, 4, 0)

    def word(digits: int) -> str:
        return "".join("0123456789abcdef"[d] for d in rng.integers(0, 16, digits))

    lines = []
    for i in range(n):
        words = [word(16) for _ in range(8)] + [word(8) for _ in range(12 + taus + 12 + sums + links)]
        lines.append(" ".join([f"{i:04d}", *words, word(64), word(128), "1"]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("columns", [FULL, EARLY])
@pytest.mark.parametrize("stdin", [False, True])
def test_replayed_words_come_back_as_they_came(
    run: Run, tmp_path: Path, columns: int, stdin: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, ours, menu = (
        tmp_path / "v.txt",
        tmp_path / "o.txt",
        _menu(tmp_path, EXTERNALS.split("  - {index: 5")[0]),
    )
    text = _rows(3564, columns)
    vectors.write_text(text)
    if stdin:
        buffer = io.BufferedReader(io.BytesIO(text.encode()))  # type: ignore[arg-type]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffer))
    code, _, err = run("-" if stdin else vectors, "--menu", menu, "-n", 1, "-o", ours)
    assert code == 0, err
    for given, written in zip(text.splitlines(), ours.read_text().splitlines(), strict=True):
        assert given.split()[:-2] == written.split()[:-2]  # all but our own bits and FinOR


def test_rows_that_are_no_whole_orbits_are_told(run: Run, tmp_path: Path) -> None:
    menu = _menu(tmp_path, EXTERNALS)
    for rows, told in ((3564, False), (500, True)):
        write_test_vectors(tmp_path / "v.txt", [_jets(rows, 80)])
        code, text, err = run(tmp_path / "v.txt", "--menu", menu, "-n", 2)
        assert code == 0, err
        assert ("500 rows are not a multiple of the 3564 of an orbit" in text) == told


def test_crossings_that_trained_the_models_are_left_out(run: Run, tmp_path: Path) -> None:
    """The second half of the sample starts the stream; a menu without models takes all of it."""
    menu, out = _menu(tmp_path, "menu: m\nalgorithms: [{name: L1_Jet, seed: JET20}]\n"), tmp_path / "r.json"
    scored = tmp_path / "scored.yaml"
    scored.write_text(
        'menu: m\nscores: {vae: {type: "ufixed<15,21>"}}\nalgorithms:\n'
        '  - {name: L1_Jet, seed: JET20}\n  - {name: L1_VAE, seed: "SCORE(vae) >= 800"}\n'
    )
    et = np.concatenate([b["jet.et"][0] for b in open_events(SAMPLE).blocks(["jet.et"])])
    for file, options, first in ((menu, [], 0), (scored, [], N_TRAIN), (scored, ["--trained-on"], 0)):
        code, text, err = run("--menu", file, "-n", 2, "--noise", 0, "--json", out, *options)
        assert code == 0, err
        counts, report = _counts(out)
        assert counts["L1_Jet"] == int((et[first : first + 2 * 2748] >= 40).sum())
        assert report["left_out_crossings"] == first
        said = "the first 300,000 crossings are left out: the models were trained on them"
        assert (said in text) == bool(first)
