"""`l1forge menu`: what it prints, and that it fails when it must."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from l1forge.commands.menu import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.ugt_vectors import write_test_vectors
from l1forge.emulator.events.objects import Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.checks.check import FAIL, INCOMPLETE, KNOWN, MISMATCH, UNSCORED, check_menu
from l1forge.emulator.menu.compiled import Known, load_compiled
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, finor
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.scoring.files import open_writer
from tests.emulator.menu.crossings import block

SEEDS = """
menu: small
algorithms:
  - {index: 3, name: L1_SingleJet30, seed: JET30}
  - {index: 200, name: L1_DoubleMu, seed: "comb{MU5[MU-QLTY_SNGL],MU3}"}
  - {index: 511, name: L1_AD, seed: "SCORE(vae) >= 5"}
"""


@pytest.fixture
def menu_file(tmp_path: Path) -> Path:
    path = tmp_path / "menu.yaml"
    path.write_text(SEEDS)
    return path


def _vectors(path: Path, menu_file: Path, flip: tuple[int, int] | None = None) -> Path:
    """12 crossings with the menu's own bits; ``flip``: (crossing, algorithm bit) to falsify."""
    crossings = [{"jet": [(50 + 5 * i, 0, 0)], "mu": [(20, 0, 0, 12), (i, 5, 5, 12)]} for i in range(12)]
    events = block(crossings)
    words = MenuEvaluator(load_menu(menu_file))(events, {"vae": np.zeros(12, np.int64)})
    if flip:
        crossing, bit = flip
        words[bit >> 6, crossing] ^= np.uint64(1 << (bit & 63))
    columns = dict(events.items())
    columns["bx"] = np.arange(12)[None]
    columns["algo"], columns["finor"] = words, finor(words).astype(np.uint8)[None]
    write_test_vectors(path, [type(events)(columns, 12)])
    return path


def test_agreement(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file)
    scores = {"vae": np.zeros(12, np.int64)}
    assert check_menu(load_menu(menu_file), vectors, scores=scores).passed
    result = check_menu(load_menu(menu_file), vectors)
    assert (result.verdict, result.passed, result.count(UNSCORED)) == (INCOMPLETE, False, 1)
    for options, code, verdict in (
        ([], 3, "INCOMPLETE (exit code 3; --accept-unevaluated accepts this): "),
        (["--accept-unevaluated"], 0, "INCOMPLETE (accepted): "),
    ):
        run = CliRunner().invoke(app, ["check", str(menu_file), str(vectors), "--all", *options])
        assert run.exit_code == code
        assert f"{verdict}2/3 algorithms match; 1 not evaluated; FinOR 12/12" in run.output


@pytest.mark.parametrize("bit", [3, 200])
def test_one_flipped_bit_is_noticed(menu_file: Path, tmp_path: Path, bit: int) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file, (7, bit))
    table = tmp_path / "table.json"
    run = CliRunner().invoke(app, ["check", str(menu_file), str(vectors), "--json", str(table)])
    assert run.exit_code == 1
    assert "FAIL" in run.output
    rows = json.loads(table.read_text())[0]["algorithms"]
    wrong = [row for row in rows if row["status"] == MISMATCH]
    assert [(row["index"], row["crossings"], row["differences"]) for row in wrong] == [(bit, [7], 1)]


def test_bit_without_algorithm_is_noticed(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file, (2, 77))
    result = check_menu(load_menu(menu_file), vectors)
    assert result.verdict == FAIL
    assert result.undefined_bits == (77,)


def test_wrong_finor_is_noticed(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file)
    rows = vectors.read_text().splitlines()
    rows[0] = rows[0][:-1] + ("0" if rows[0][-1] == "1" else "1")
    vectors.write_text("\n".join(rows) + "\n")
    result = check_menu(load_menu(menu_file), vectors)
    assert result.finor_differences == 1
    assert result.verdict == FAIL


def test_finor_that_only_a_seed_without_scores_explains_is_not_a_pass(
    menu_file: Path, tmp_path: Path
) -> None:
    """The file's L1_AD fires where nothing else does: not wrong, but not compared either."""
    vectors = _vectors(tmp_path / "v.txt", menu_file, (0, 511))  # the jet of crossing 0 is below 30 GeV
    result = check_menu(load_menu(menu_file), vectors)
    assert (result.finor_differences, result.finor_documented, result.verdict) == (1, True, INCOMPLETE)
    scores = {"vae": np.arange(12) == 0}
    assert check_menu(load_menu(menu_file), vectors, scores={"vae": scores["vae"] * 5}).verdict == "PASS"


def test_finor_that_a_documented_seed_explains_is_its_own_verdict(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file, (0, 3))
    known = Known(algorithm="L1_SingleJet30", reason="bit was flipped")
    result = check_menu(load_menu(menu_file), vectors, [known], {"vae": np.zeros(12, np.int64)})
    assert (result.count(KNOWN), result.finor_differences, result.verdict) == (1, 1, INCOMPLETE)


def test_a_seed_that_was_not_evaluated_is_not_in_our_finor(menu_file: Path, tmp_path: Path) -> None:
    """NOT of a score that is not given would be true everywhere."""
    menu_file.write_text(SEEDS.replace("SCORE(vae) >= 5", "NOT (SCORE(vae) >= 5)"))
    vectors = _vectors(tmp_path / "v.txt", menu_file, (0, 511))  # the file's bit of crossing 0 is 0
    result = check_menu(load_menu(menu_file), vectors)
    assert (result.finor_differences, result.verdict) == (1, INCOMPLETE)  # crossing 1: only this seed


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vae": np.zeros(12, np.int32), "vea": np.zeros(12, np.int32)}, "no such score (got 'vea')"),
        ({"AD": np.zeros(12, np.int32)}, "it uses vae"),
        ({"vae": np.zeros(11, np.int32)}, "12 crossings, but scores of 11"),
        ({"vae": np.zeros(12)}, "scores are raw integers"),
        ({}, "no columns"),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "npz"])
def test_scores_that_do_not_belong_to_the_menu(
    columns: dict[str, np.ndarray], message: str, ending: str, menu_file: Path, tmp_path: Path
) -> None:
    vectors, path = _vectors(tmp_path / "v.txt", menu_file), tmp_path / f"s.{ending}"
    if ending == "npz":
        np.savez(path, **columns)
    else:
        pq.write_table(pa.table(columns), path)
    run = CliRunner().invoke(app, ["check", str(menu_file), str(vectors), "--scores", str(path)])
    assert isinstance(run.exception, InputError)
    assert message in str(run.exception)


def test_one_file_of_scores_belongs_to_one_file_of_crossings(menu_file: Path, tmp_path: Path) -> None:
    vectors = [str(_vectors(tmp_path / name, menu_file)) for name in ("v.txt", "w.txt")]
    np.savez(tmp_path / "s.npz", vae=np.zeros(12, np.int32))
    run = CliRunner().invoke(app, ["check", str(menu_file), *vectors, "--scores", str(tmp_path / "s.npz")])
    assert isinstance(run.exception, InputError)
    assert "can be used with one test-vector file only" in str(run.exception)


F9 = """menu: T
cuts:
  AXO-MODEL_v4: {type: MODEL, object: AXO, data: v4}
  AXO-SCORE_L: {type: SCORE, object: AXO, min: 500}
algorithms:
  - {index: 5, name: A_MU5, seed: MU5}
  - {index: 6, name: A_AXO, seed: "AXO[AXO-MODEL_v4,AXO-SCORE_L]"}
"""
"""The field's case F9: a network seed without scores."""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])  # F6: vectors with a byte-order mark
def test_the_cases_of_the_field(mark: bytes, menu_file: Path, tmp_path: Path) -> None:
    muons = {3: "0000000800602c00"}  # pT code 11, 5 to 5.5 GeV: MU5 fires
    rows = [
        f"{i:04d} {muons.get(i, '0' * 16)} "
        + " ".join(["0" * 16] * 7 + ["0" * 8] * 48)
        + f" {'0' * 64} {'0' * 126}{'20' if i in muons else '00'} {int(i in muons)}"
        for i in range(10)
    ]
    (tmp_path / "v.txt").write_bytes(mark + "\n".join(rows).encode())
    menu_file.write_text(F9)
    table = tmp_path / "t.json"
    run = CliRunner().invoke(app, ["check", str(menu_file), str(tmp_path / "v.txt"), "--json", str(table)])
    assert run.exit_code == 3
    assert "note: 10 rows are not a multiple of the 3564 of an orbit" in " ".join(run.output.split())
    (result,) = json.loads(table.read_text())
    assert (result["verdict"], result["finor_differences"]) == ("INCOMPLETE", 0)
    assert [(item["expected"], item["status"]) for item in result["algorithms"]] == [
        (1, "match"),
        (0, "not evaluated"),
    ]


def test_whole_orbits_are_not_noted(menu_file: Path, tmp_path: Path) -> None:
    menu_file.write_text("menu: m\nalgorithms: [{name: L1_J, seed: JET30+1}]\n")
    for rows, note in ((3564, False), (7128, False), (3565, True)):
        columns = {name: np.zeros((1, rows), np.uint8) for name in ("finor",)}
        events = Events({**columns, "algo": np.zeros((8, rows), np.uint64)}, rows)
        write_test_vectors(tmp_path / "v.txt", [events])
        result = check_menu(load_menu(menu_file), tmp_path / "v.txt")
        assert result.passed
        assert bool(result.notes) == note
    assert "3565 rows are not a multiple of the 3564 of an orbit" in result.notes[0]
    assert "seeds that look at other crossings may differ there" in result.notes[0]


def test_scores_as_emulate_writes_them(menu_file: Path, tmp_path: Path) -> None:
    """Their columns are the model's outputs: the first one is what the model's name alone means."""
    vectors = _vectors(tmp_path / "v.txt", menu_file)
    outputs = {"score": (FixedType.parse("ufixed<18,14>"), 1)}
    for first, code in (("score", 0), ("other", None)):
        with open_writer(tmp_path / "s.parquet", outputs, {"model": "vae", "first": first}) as writer:
            writer.append({"score": np.zeros(12, np.int32)})
        run = CliRunner().invoke(
            app, ["check", str(menu_file), str(vectors), "--scores", str(tmp_path / "s.parquet")]
        )
        assert run.exit_code == code if code is not None else isinstance(run.exception, InputError)


def test_documented_disagreement_passes(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "data_v.txt", menu_file, (7, 3))
    known = Known(algorithm="L1_Single*", reason="bit was flipped", vectors="data*")
    scores = {"vae": np.zeros(12, np.int64)}
    result = check_menu(load_menu(menu_file), vectors, [known], scores)
    assert result.passed
    assert result.count(KNOWN) == 1
    elsewhere = known.model_copy(update={"vectors": "simulation*"})
    assert check_menu(load_menu(menu_file), vectors, [elsewhere], scores).verdict == FAIL
    allow = tmp_path / "allow.yaml"
    allow.write_text("- {algorithm: L1_SingleJet30, reason: bit was flipped}\n")
    run = CliRunner().invoke(app, ["check", str(menu_file), str(vectors), "--allow", str(allow)])
    assert run.exit_code == 3  # L1_AD has no scores
    assert "1 known" in run.output


def test_official_vectors_known_to_be_wrong(menu_file: Path, tmp_path: Path) -> None:
    """The shipped list names the algorithm and the file; without it, or in another file, it fails."""
    name = "L1_CDC_SingleMu_3_er1p2_TOP120_DPHI2p618_3p142"
    menu_file.write_text(SEEDS.replace("L1_SingleJet30", name))
    for vectors, options, code in (
        ("x_data.txt", [], 3),  # L1_AD has no scores
        ("x_data.txt", ["--strict"], 1),
        ("x_ttbar.txt", [], 1),
    ):
        path = _vectors(tmp_path / vectors, menu_file, (7, 3))
        assert CliRunner().invoke(app, ["check", str(menu_file), str(path), *options]).exit_code == code


def test_scores_of_another_type_than_the_menu_declares(menu_file: Path, tmp_path: Path) -> None:
    vectors = _vectors(tmp_path / "v.txt", menu_file)
    menu_file.write_text(SEEDS + 'scores:\n  vae: {type: "ufixed<18,14>"}\n')
    for found in ("ufixed<18,14>", "ufixed<18,13>"):
        outputs = {"vae": (FixedType.parse(found), 1)}
        with open_writer(tmp_path / "s.parquet", outputs, {}) as writer:
            writer.append({"vae": np.zeros(12, np.int32)})
        run = CliRunner().invoke(
            app, ["check", str(menu_file), str(vectors), "--scores", str(tmp_path / "s.parquet")]
        )
        if found == "ufixed<18,14>":
            assert run.exit_code == 0
        else:
            assert isinstance(run.exception, InputError)
            assert "declares vae as ufixed<18,14>" in str(run.exception)


def test_compile_and_show(menu_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "menu.json"
    assert CliRunner().invoke(app, ["compile", str(menu_file), "-o", str(output)]).exit_code == 0
    assert load_compiled(output) == load_menu(menu_file)
    firmware = CliRunner().invoke(app, ["compile", str(menu_file), "-o", str(output), "--judge", "firmware"])
    assert firmware.exit_code == 0
    assert load_compiled(output).judge == "firmware"
    run = CliRunner().invoke(app, ["show", str(output), "L1_DoubleMu"])
    assert run.exit_code == 0
    assert '"threshold": 11' in run.output


def test_help_shows_examples() -> None:
    assert "l1forge menu check menu.xml TestVector.txt" in CliRunner().invoke(app, ["check", "--help"]).output
