"""Situations that people met with official menus, each with its right value (small menus written here).

Ten crossings with one muon each, alternately of 1 and 5 GeV; the seed MU5 on bit 5 is true in every second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.menu import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.ugt_vectors import write_test_vectors
from l1forge.emulator.menu.checks.check import check_menu
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import Combination, CompiledMenu, Correlation, load_compiled
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit, finor
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.menu.language.xml_menu import overlap_rule
from tests.emulator.menu.crossings import block
from tests.emulator.menu.test_front_ends import _precision, _scale

PTS = [3, 11] * 5
HEAD = '<?xml version="1.0" encoding="UTF-8" ?>'


def algorithm(expression: str, index: object = 6, name: str = "L1_Other", parts: str = "") -> str:
    return (
        f"<algorithm><name>{name}</name>\n<expression>{expression}</expression>"
        f"<index>{index}</index>{parts}</algorithm>\n"
    )


def requirement(name: str, threshold: str, kind: str = "MU") -> str:
    return (
        f"<object_requirement><name>{name}</name><type>{kind}</type>"
        f"<comparison_operator>.ge.</comparison_operator><threshold>{threshold}</threshold>"
        "<bx_offset>0</bx_offset></object_requirement>"
    )


def cut(name: str, kind: str, low: str = "0", high: str = "0", data: str = "", owner: str = "MU") -> str:
    return (
        f"<cut><name>{name}</name><object>{owner}</object><type>{kind}</type>"
        f"<minimum>{low}</minimum><maximum>{high}</maximum><data>{data}</data></cut>"
    )


def signal(name: str, cable: object, channel: object) -> str:
    return f"<ext_signal><name>{name}</name><cable>{cable}</cable><channel>{channel}</channel></ext_signal>\n"


def scale(name: str, kind: str, width: int) -> str:
    """In one line."""
    return _scale(name, kind, width).replace("\n", "")


SCALES = scale("MU", "ET", 9) + "\n" + scale("MU", "ETA", 9)


def xml(
    others: str = "", scales: str = SCALES, externals: str = "", head: str = HEAD, name: str = "L1Menu_Small"
) -> str:
    return (
        f'{head}\n<tmxsd:menu xmlns:tmxsd="urn:x"><name>{name}</name>\n'
        + algorithm("MU5", 5, "L1_SingleMu5", requirement("MU5", "5.0E+00"))
        + f"{others}<scale_set><name>s</name>\n{scales}\n</scale_set>\n"
        + f"<ext_signal_set><name>e</name>\n{externals}</ext_signal_set></tmxsd:menu>\n"
    )


def read(folder: Path, text: str, name: str = "menu.xml") -> CompiledMenu:
    path = folder / name
    path.write_text(text)
    return load_menu(path)


def bits(menu: CompiledMenu, index: int) -> str:
    """Decisions on the ten crossings, which kernels, reference and NumPy peer agree on."""
    events = block([{"mu": [(pt, 0, 0, 12, 2)]} for pt in PTS])
    ours = algorithm_bit(MenuEvaluator(menu)(events), index)
    row = [a.index for a in menu.algorithms].index(index)
    np.testing.assert_array_equal(Reference(menu)(events)[row], ours)
    np.testing.assert_array_equal(NumpyMenu(menu)(events)[row], ours)
    return "".join(str(int(bit)) for bit in ours)


MU5 = "0101010101"
NEVER = "0000000000"


def test_without_a_fault(tmp_path: Path) -> None:
    menu = read(tmp_path, xml())
    assert bits(menu, 5) == MU5
    assert menu.notes == ()


def test_f1_unused_external_on_a_cable_that_does_not_exist(tmp_path: Path) -> None:
    menu = read(tmp_path, xml(externals=signal("SPARE", 12, 49)))
    assert bits(menu, 5) == MU5
    (note,) = menu.notes
    assert "no such external input, SPARE" in note
    assert "cable 12, channel 49" in note
    assert note.endswith(": unused")
    with pytest.raises(InputError, match=r"no such external input, SPARE.*cables 0 \.\. 3"):
        read(tmp_path, xml(algorithm("EXT_SPARE"), externals=signal("SPARE", 12, 49)))


def test_f2_threshold_above_thescale(tmp_path: Path) -> None:
    menu = read(tmp_path, xml(algorithm("MU255p5", parts=requirement("MU255p5", "255.5"))))
    assert (bits(menu, 5), bits(menu, 6)) == (MU5, NEVER)
    assert menu.notes == (
        "L1_Other: MU cannot hold the threshold 255.5, its scale ends at 255.5: never true",
    )
    inverted = read(tmp_path, xml(algorithm("MU5 AND NOT MU2047")))
    assert bits(inverted, 6) == MU5
    menu.save(tmp_path / "menu.json")
    assert load_compiled(tmp_path / "menu.json") == menu


def test_f3_name_against_threshold(tmp_path: Path) -> None:
    menu = read(tmp_path, xml(algorithm("MU254p5", parts=requirement("MU254p5", "255"))))
    assert (bits(menu, 5), bits(menu, 6)) == (MU5, NEVER)
    condition = menu.conditions["single_mu_1"]
    assert isinstance(condition, Combination)
    assert condition.legs[0].threshold == 510
    (note,) = menu.notes
    assert "the name MU254p5 states another threshold (got '255'): not used, the expression counts" in note


def test_f4_unknown_encoding(tmp_path: Path) -> None:
    path = tmp_path / "menu.xml"
    path.write_text(xml(head='<?xml version="1.0" encoding="NO-SUCH" ?>'))
    with pytest.raises(InputError, match="unknown encoding: NO-SUCH"):
        load_menu(path)


def test_f5_two_scales_of_one_object(tmp_path: Path) -> None:
    other = scale("MU", "ET", 9).replace("<number>45<", "<number>46<", 1)
    with pytest.raises(InputError, match=r"menu.xml:8:1: scale: another scale MU ET stands in line 6:1$"):
        read(tmp_path, xml(scales=SCALES + "\n" + other))
    same = read(tmp_path, xml(scales=SCALES + "\n" + scale("MU", "ET", 9)))
    assert bits(same, 5) == MU5
    assert same.notes == ("8:1: scale: scale MU ET is there twice, the same as in line 6:1",)
    unused = scale("EG", "ET", 9) + "\n" + scale("EG", "ET", 9).replace("<number>45<", "<number>46<", 1)
    menu = read(tmp_path, xml(scales=SCALES + "\n" + unused))
    assert menu.notes == ("9:1: scale: another scale EG ET stands in line 8:1: unused",)


def test_f7_inverted_eta_window_of_the_emulator(tmp_path: Path) -> None:
    text = (
        "judge: emulator\ncuts:\n  X: {type: ETA, object: MU, min: -1.245, max: -2.0}\n"
        'algorithms:\n  - {index: 5, name: L1_Mu, seed: "MU5[X]"}\n'
    )
    menu = read(tmp_path, text, "menu.yaml")
    assert bits(menu, 5) == MU5
    (note,) = menu.notes
    assert note == (
        "L1_Mu: cut X runs from -1.245 to -2: to the emulator its complement, in firmware never true"
    )
    condition = menu.conditions["single_mu_0"]
    assert isinstance(condition, Combination)
    assert condition.legs[0].eta == ((-114, -184),)
    events = block([{"mu": [(11, eta, 0, 12, 2)]} for eta in (-185, -184, -183, -115, -114, 0)])
    assert algorithm_bit(MenuEvaluator(menu)(events), 5).astype(int).tolist() == [1, 1, 0, 0, 1, 1]
    with pytest.raises(InputError, match="contradictory window: min is above max"):
        read(tmp_path, text.replace("judge: emulator", "judge: firmware"), "menu.yaml")


LEG = '{"type": "%s", "threshold": 11, %s}'
BEYOND = [
    ("mu", '"eta": [[-92, 69488]]', r"window \[-92, 69488\] of mu.eta is not within -256 .. 255"),
    ("mu", '"phi": [[-5, 9999]]', "of mu.phi is not within 0 .. 1023"),
    ("mu", '"index": [[500, 900]]', "of mu.index is not within 0 .. 127"),
    ("mu", '"upt": [[0, 256]]', "of mu.upt is not within 0 .. 255"),
    ("jet", '"eta": [[-129, 0]]', "of jet.eta is not within -128 .. 127"),
    ("mu", '"qual": 999999999', "table 999999999 of mu.qual is not in 0 .. 65535"),
    ("eg", '"iso": -1', "table -1 of eg.iso is not in 0 .. 15"),
    ("mu", '"ip": 16', "table 16 of mu.ip is not in 0 .. 15"),
    ("jet", '"iso": 1', "jet has no iso"),
    ("etm", '"eta": [[0, 1]]', "etm has no eta"),
    ("eg", '"charge": "positive"', "eg has no charge"),
    ("mu", '"slots": [0, 8]', "are not within the 8 of mu"),
]


@pytest.mark.parametrize(("kind", "cuts", "problem"), BEYOND, ids=[f"{b[0]} {b[1]}" for b in BEYOND])
def test_f8_compiled_windows_and_tables_beyond_the_field(
    tmp_path: Path, kind: str, cuts: str, problem: str
) -> None:
    text = (
        '{"format": "l1forge-menu", "version": 1, "name": "T", '
        '"algorithms": [{"index": 5, "name": "A", "expression": "c"}], "conditions": '
        '{"c": {"kind": "combination", "legs": [' + LEG % (kind, cuts) + "]}}}"
    )
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text, "menu.json")


COMPILED = [
    (
        '{"kind": "value", "quantity": "etm", "threshold": 9, "phi": [[0, 256]]}',
        "of etm.phi is not within 0 .. 255",
    ),
    ('{"kind": "value", "quantity": "htt", "threshold": 9, "phi": [[0, 1]]}', "htt has no phi"),
    ('{"kind": "value", "quantity": "htt", "threshold": 4097}', "threshold 4097 of htt is not in 0 .. 4095"),
    (
        '{"kind": "correlation", "legs": [{"type": "eg", "threshold": 1}, {"type": "etm", "threshold": 1}], '
        '"limits": [{"measure": "deta", "lower": 1}]}',
        "deta needs eta",
    ),
    (
        '{"kind": "correlation", "legs": [{"type": "eg", "threshold": 1}, {"type": "eg", "threshold": 1}], '
        '"limits": [], "charge": "os"}',
        "only muons have a charge",
    ),
    ('{"kind": "external", "index": ' + "9" * 5000 + "}", "an integer of more than 4,300 digits"),
]


@pytest.mark.parametrize(("condition", "problem"), COMPILED, ids=[c[1] for c in COMPILED])
def test_other_compiled_conditions_that_no_hardware_has(tmp_path: Path, condition: str, problem: str) -> None:
    text = (
        '{"format": "l1forge-menu", "version": 1, "name": "T", "algorithms": [], "conditions": {"c": '
        + condition
        + "}}"
    )
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text, "menu.json")


UNUSED = [
    ("cut of unknown type", algorithm("MU5", parts=cut("X", "ZETA")), "unknown type of cut"),
    ("cut without number", algorithm("MU5", parts=cut("X", "ETA", "low")), "not a number"),
    ("two cuts of a name", algorithm("MU5", parts=cut("X", "ETA") + cut("X", "PHI")), "another cut X"),
]
USED = {name: text.replace("<expression>MU5<", "<expression>MU5[X]<") for name, text, _ in UNUSED}


@pytest.mark.parametrize(("name", "text", "problem"), UNUSED, ids=[u[0] for u in UNUSED])
def test_only_what_is_used_can_refuse(tmp_path: Path, name: str, text: str, problem: str) -> None:
    menu = read(tmp_path, xml(text))
    assert bits(menu, 6) == MU5
    (note,) = menu.notes
    assert problem in note
    assert note.endswith(": unused")
    with pytest.raises(InputError, match=problem):
        read(tmp_path, xml(USED[name]))


def test_unused_and_used_precision(tmp_path: Path) -> None:
    wrong = SCALES + _precision("MU-MU-Math", 5)
    assert "tables have 4 digits" in read(tmp_path, xml(scales=wrong)).notes[0]
    assert (
        read(tmp_path, xml(algorithm("dist{MU5,MU5}[DR_MAX_1]"), scales=wrong)).notes[0].endswith(": unused")
    )
    with pytest.raises(InputError, match="tables have 4 digits"):
        read(tmp_path, xml(algorithm("mass_inv{MU5,MU5}[MASS_MIN_7]"), scales=wrong))


def test_externals_of_one_name(tmp_path: Path) -> None:
    menu = read(tmp_path, xml(externals=signal("A", 1, 2) + signal("A", 1, 2)))
    assert "external signal A is there twice" in menu.notes[0]
    twice = signal("A", 1, 2) + signal("A", 1, 3)
    assert "another external signal A" in read(tmp_path, xml(externals=twice)).notes[0]
    with pytest.raises(InputError, match="another external signal A"):
        read(tmp_path, xml(algorithm("EXT_A"), externals=twice))


def test_cicada_threshold_above_its_score_is_never_true(tmp_path: Path) -> None:
    parts = cut("C", "CSCORE", "300", owner="CICADA")
    menu = read(tmp_path, xml(algorithm("CICADA[C]", parts=parts)))
    assert menu.notes == ("L1_Other: CICADA cannot hold the threshold: never true",)
    events = block([{"link": [15 << 28] * 4}])
    for decision in (algorithm_bit(MenuEvaluator(menu)(events), 6), Reference(menu)(events)[1]):
        assert not decision[0]
    assert not NumpyMenu(menu)(events)[1, 0]
    text = 'cuts: {C: {type: CSCORE, min: 300}}\nalgorithms:\n  - {name: L1_A, seed: "CICADA[C]"}\n'
    with pytest.raises(InputError, match="CICADA cannot hold the threshold"):
        read(tmp_path, text, "menu.yaml")


def test_eta_window_above_the_scale_is_never_true(tmp_path: Path) -> None:
    parts = cut("X", "ETA", "3", "4") + cut("Y", "ETA", "-1", "1")
    menu = read(tmp_path, xml(algorithm("MU5[X]", parts=parts)))
    assert bits(menu, 6) == NEVER
    assert menu.notes == ("L1_Other: cut X lies above the scale of MU: never true",)
    assert bits(read(tmp_path, xml(algorithm("MU5[X,Y]", parts=parts))), 6) == MU5


@pytest.mark.parametrize("digits", [19, 5000])
def test_an_index_of_thousands_of_digits_is_one_short_line(tmp_path: Path, digits: int) -> None:
    with pytest.raises(InputError, match="not an integer that a menu could hold") as caught:
        read(tmp_path, xml(algorithm("MU5", "9" * digits)))
    assert len(str(caught.value)) - len(str(tmp_path)) < 200
    text = "algorithms:\n  - {index: " + "9" * digits + ", name: L1_A, seed: MU5}\n"
    with pytest.raises(InputError, match=r"a number is too long|no such algorithm bit") as caught:
        read(tmp_path, text, "menu.yaml")
    assert len(str(caught.value)) - len(str(tmp_path)) < 200
    with pytest.raises(InputError) as caught:
        read(tmp_path, xml(algorithm("MU5+" + "9" * digits)))
    assert len(str(caught.value)) - len(str(tmp_path)) < 400


@pytest.mark.parametrize("tag", ["index", "expression", "name"])
def test_an_element_that_is_there_twice(tmp_path: Path, tag: str) -> None:
    text = algorithm("MU5", parts=f"<{tag}>7</{tag}>")
    with pytest.raises(InputError, match=f"there is another <{tag}>"):
        read(tmp_path, xml(text))


OVERLAP = "comb_orm{MU5,JET30}[ORMDR_0p5]"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("L1Menu_Collisions2017_v4", "none_overlaps"),
        ("L1Menu_Collisions2018_v2_1_0", "none_overlaps"),
        ("L1Menu_CollisionsHeavyIons2021_v1_0_0", "none_overlaps"),
        ("L1Menu_Collisions2022_v1_0_0", "any_free"),
        ("L1Menu_Collisions2026_v1_1_0-d1", "any_free"),
        ("L1Menu_axo_v5_test-d1", "any_free"),
        ("L1Menu_120171_v1", "any_free"),
    ],
)
def test_overlap_rule_by_the_year_in_the_name(tmp_path: Path, name: str, rule: str) -> None:
    assert overlap_rule(name) == rule
    scales = SCALES + scale("JET", "ET", 11) + scale("JET", "ETA", 8)
    menu = read(tmp_path, xml(algorithm(OVERLAP), scales, name=name))
    assert menu.overlap == rule
    events = block([{"mu": [(11, 0, 0, 12, 2)], "jet": [(60, 60, 0), (60, 0, 0)]}])
    assert algorithm_bit(MenuEvaluator(menu)(events), 6)[0] == (rule == "any_free")
    path = tmp_path / "menu.xml"
    other = load_menu(path, overlap="any_free" if rule == "none_overlaps" else "none_overlaps")
    assert algorithm_bit(MenuEvaluator(other)(events), 6)[0] != (rule == "any_free")
    menu.save(tmp_path / "menu.json")
    assert load_compiled(tmp_path / "menu.json").overlap == rule
    assert any("overlap removal by the rule" in note for note in menu.notes) == (
        rule == "none_overlaps" or "202" not in name
    )


def test_overlap_rule_of_a_yaml_menu(tmp_path: Path) -> None:
    text = f'overlap: none_overlaps\nalgorithms:\n  - {{name: L1_A, seed: "{OVERLAP}"}}\n'
    assert read(tmp_path, text, "menu.yaml").overlap == "none_overlaps"
    with pytest.raises(InputError, match=r"menu\.yaml:1:10: overlap: unknown rule of overlap removal"):
        read(tmp_path, text.replace("none_overlaps", "all_free"), "menu.yaml")


def test_option_of_the_commands(tmp_path: Path) -> None:
    scales = SCALES + scale("JET", "ET", 11) + scale("JET", "ETA", 8)
    menu = read(tmp_path, xml(algorithm(OVERLAP), scales, name="L1Menu_Collisions2018_v2"))
    events = block([{"mu": [(11, 0, 0, 12, 2)], "jet": [(60, 60, 0), (60, 0, 0)]}] * 10)
    words = MenuEvaluator(menu)(events)
    columns = dict(events.items())
    columns["bx"] = np.arange(10)[None]
    columns["algo"], columns["finor"] = words, finor(words).astype(np.uint8)[None]
    write_test_vectors(tmp_path / "v.txt", [type(events)(columns, 10)])
    assert check_menu(menu, tmp_path / "v.txt").passed
    files = [str(tmp_path / "menu.xml"), str(tmp_path / "v.txt")]
    run = CliRunner().invoke(app, ["check", *files])
    assert run.exit_code == 0
    assert "note: overlap removal by the rule none_overlaps" in run.output
    assert CliRunner().invoke(app, ["check", *files, "--overlap", "any_free"]).exit_code == 1
    output = ["-o", str(tmp_path / "menu.json"), "--overlap", "any_free"]
    assert CliRunner().invoke(app, ["compile", files[0], *output]).exit_code == 0
    assert load_compiled(tmp_path / "menu.json").overlap == "any_free"


def test_network_missing_energy_of_grammar_0_14(tmp_path: Path) -> None:
    scales = SCALES + scale("JET", "ET", 11) + scale("NETETMHF", "ET", 12) + scale("NETETMHF", "PHI", 8)
    menu = read(tmp_path, xml(algorithm("NETETMHF90 AND dist{JET30,NETETMHF90}[DPHI_MIN_2p6]"), scales))
    pair = next(c for c in menu.conditions.values() if isinstance(c, Correlation))
    assert pair.legs[1].type == "netetmhf"
    events = block([{"jet": [(60, 0, 0)], "htm.et": et, "htm.phi": 72} for et in (179, 180)])
    assert algorithm_bit(MenuEvaluator(menu)(events), 6).astype(int).tolist() == [0, 1]


@pytest.mark.parametrize("place", ["cuts", "algorithms", "key"])
def test_aliases_of_aliases_are_refused_in_one_line(tmp_path: Path, place: str) -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    bomb = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels])
    text = f"{bomb}\n? *a8\n: 1\n" if place == "key" else f"{bomb}\n{place}: *a8\n"
    with pytest.raises(InputError, match=r"more than 100,000 values|a key is a plain text") as caught:
        read(tmp_path, text, "menu.yaml")
    assert len(str(caught.value)) - len(str(tmp_path)) < 300


@pytest.mark.parametrize("number", ["9" * 5000, "1e999999999", "9" * 39])
def test_a_score_beyond_every_type_is_refused_in_one_line(tmp_path: Path, number: str) -> None:
    text = f'algorithms:\n  - {{name: L1_A, seed: "SCORE(vae) >= {number}"}}\n'
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, "menu.yaml")
    assert len(str(caught.value)) - len(str(tmp_path)) < 600
