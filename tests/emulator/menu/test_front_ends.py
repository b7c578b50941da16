"""YAML and XML to hardware integers; what is wrong is refused with file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import Combination, Correlation, External, Limit, load_compiled
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.menu.language.scales import Scale, standard_scales

YAML = """menu: good
judge: firmware
cuts:
  MU-ETA_X: {type: ETA, object: MU, min: -1.2, max: 1.2}
externals: {BPTX: 70}
scores: {vae: {type: "ufixed<18,14>"}}
algorithms:
  - {index: 5, name: L1_Mu, seed: "MU22[MU-QLTY_SNGL,MU-ETA_X]"}
  - {name: L1_Mass, seed: "mass_inv{JET30,JET30[ER2p5]}[MASS_MIN_400] AND NOT EXT_BPTX-1"}
  - {index: 80, name: L1_AD, seed: "SCORE(vae) >= 50.0"}
"""


def _write(folder: Path, text: str, name: str = "menu.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_yaml_to_integers(tmp_path: Path) -> None:
    menu = load_menu(_write(tmp_path, YAML))
    assert [a.index for a in menu.algorithms] == [5, 6, 80]
    muon = menu.conditions["single_mu_0"]
    assert isinstance(muon, Combination)
    assert muon.legs[0].model_dump(exclude_defaults=True) == {
        "type": "mu",
        "threshold": 45,
        "qual": 0xF000,
        "eta": ((-110, 110),),
    }
    mass = menu.conditions["mass_inv_jet_1"]
    assert isinstance(mass, Correlation)
    assert mass.limits[0].model_dump() == {"measure": "mass", "lower": 8_000_000_000, "upper": None}
    assert mass.legs[1].eta == ((-58, 57),)
    assert menu.conditions["ext_2"] == External(index=70, bx=-1, name="BPTX")
    assert menu.judge == "firmware"


def test_limits_that_nothing_reaches_are_none(tmp_path: Path) -> None:
    cut = "cuts: {WIDE: {type: MASS, min: 1e2, max: 1e9}}\nalgorithms:\n"
    seed = '  - {name: L1_Wide, seed: "mass_inv{JET30,JET30}[WIDE]"}\n'
    (condition,) = load_menu(_write(tmp_path, cut + seed)).conditions.values()
    assert condition.limits == (Limit(measure="mass", lower=500_000_000, upper=None),)


def test_compiled_file_survives_a_round_trip(tmp_path: Path) -> None:
    menu = load_menu(_write(tmp_path, YAML))
    menu.save(tmp_path / "menu.json")
    assert load_compiled(tmp_path / "menu.json") == menu


YAML_FAULTS = [
    ("MU22", "MU22p3", "8:36", "threshold between two steps"),
    ("MU22", "MU256", "8:36", "cannot hold the threshold"),
    ("MU-QLTY_SNGL", "MU-QLTY_BEST", "8:36", "unknown cut"),
    ("MU22", "MV22", "8:36", "unexpected symbol"),
    ("MU22", "MU22-3", "8:36", "crossing out of reach"),
    ("min: -1.2", "min: 1.3", "4:13", "contradictory window"),
    ("type: ETA", "type: ZETA", "4:20", "unknown type of cut"),
    ("[MASS_MIN_400]", "[MASS_500to400]", "9:28", "contradictory window"),
    ("[MASS_MIN_400]", "[MASS_MIN_9999999999]", "9:28", "out of range"),
    ("[MASS_MIN_400]", "[MASS_MIN_m4]", "9:28", "out of range"),
    ("[MASS_MIN_400]", "[ORMDR_0p2]", "9:28", "takes no ORMDR cut"),
    ("JET30[ER2p5]}", "JET30[ER2p5]", "9:55", "unexpected symbol"),
    ("mass_inv{JET30", "mass_inv{HTT30", "9:37", "cannot be used"),
    ("mass_inv{JET30", "mass_inv{ETM30", "9:28", "sums do not have"),
    ("EXT_BPTX", "EXT_OTHER", "9:79", "unknown external"),
    ("index: 80", "index: 6", "10:36", "already used by L1_Mass"),
    ("index: 80", "index: 512", "10:38", "no such algorithm bit"),
    ("L1_AD", "L1_Mu", "10:37", "two seeds of this name"),
    ("50.0", "50000.0", "10:43", "cannot hold this threshold"),
    ("SCORE(vae)", "SCORE(other)", "10:43", "is not known"),
    ("BPTX: 70", "BPTX: 256", "5:19", "no such external input"),
    ("ufixed<18,14>", "float", "6:23", "not a fixed-point type"),
    ("judge: firmware", "judge: jury", "2:8", "unknown judge"),
    ("externals:", "extras:", "5:9", "unknown key"),
    ("menu: good", "menu: [", "3:5", "malformed YAML"),
    ("  - {index: 5, ", "  - {index: five, ", "8:13", "an integer is expected"),
    ("judge: firmware", "menu: twice", "2:1", "twice"),
]


@pytest.mark.parametrize(("old", "new", "place", "problem"), YAML_FAULTS, ids=[f[1] for f in YAML_FAULTS])
def test_yaml_faults(tmp_path: Path, old: str, new: str, place: str, problem: str) -> None:
    assert old in YAML
    path = _write(tmp_path, YAML.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_menu(path)
    assert problem in str(caught.value)
    assert str(caught.value.file) == f"{path}:{place}"


def _bins(scale: Scale, width: int) -> str:
    """All bins as the official files write them: two's complement numbers, 17 significant digits."""
    rows = zip(scale.numbers, scale.minima, scale.maxima, strict=True)
    return "\n".join(
        f"<bin><number>{number % (1 << width)}</number><minimum>{low:+.16E}</minimum>"
        f"<maximum>{high:+.16E}</maximum></bin>"
        for number, low, high in rows
    )


def _scale(name: str, kind: str, width: int) -> str:
    bins = _bins(standard_scales().bins[name, kind], width)
    return f"<scale><object>{name}</object><type>{kind}</type><n_bits>{width}</n_bits>{bins}</scale>"


def _precision(row: str, digits: int) -> str:
    return f"<scale><object>PRECISION</object><type>{row}</type><n_bits>{digits}</n_bits></scale>"


def xml_menu(**changes: str) -> str:
    """A small official menu."""
    parts = {
        "expression": "dist{MU5[MU-QLTY_SNGL,MU-ETA_2p10],MU5}[DR_MAX_1p6,CHGCOR_OS] AND (NOT EXT_BPTX.v0+1)",
        "chgcor": "os",
        "qlty": "12,13,14,15",
        "eta_minimum": "-2.1043125000000003E+00",
        "threshold": "+5.0000000000000000E+00",
        "cut_type": "DR",
        "precision": _precision("MU-MU-Delta", 3) + _precision("MU-MU-Math", 4),
        "cable": "1",
        "declaration": "",
        "close": "</tmxsd:menu>",
    } | changes
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no" ?>{parts["declaration"]}
<tmxsd:menu xmlns:tmxsd="http://www.cern.ch/tmxsd/1.0.0">
  <name>L1Menu_Small</name>
  <algorithm>
    <name>L1_DoubleMu</name>
    <expression>{parts["expression"]}</expression>
    <index>17</index>
    <cut><name>MU-QLTY_SNGL</name><object>MU</object><type>QLTY</type><minimum>0</minimum>
      <maximum>0</maximum><data>{parts["qlty"]}</data></cut>
    <cut><name>MU-ETA_2p10</name><object>MU</object><type>ETA</type>
      <minimum>{parts["eta_minimum"]}</minimum><maximum>+2.1043124999999998E+00</maximum><data/></cut>
    <cut><name>DR_MAX_1p6</name><object/><type>{parts["cut_type"]}</type><minimum>0.0</minimum>
      <maximum>+1.6000000000000001E+00</maximum><data/></cut>
    <cut><name>CHGCOR_OS</name><object>comb</object><type>CHGCOR</type><minimum>0</minimum>
      <maximum>0</maximum><data>{parts["chgcor"]}</data></cut>
    <object_requirement><name>MU5</name><type>MU</type><comparison_operator>.ge.</comparison_operator>
      <threshold>{parts["threshold"]}</threshold><bx_offset>0</bx_offset></object_requirement>
  </algorithm>
  <scale_set><name>small</name>
    {_scale("MU", "ET", 9)}{_scale("MU", "ETA", 9)}{parts["precision"]}
  </scale_set>
  <ext_signal_set><name>cables</name>
    <ext_signal><name>BPTX.v0</name><cable>{parts["cable"]}</cable><channel>7</channel></ext_signal>
  </ext_signal_set>
{parts["close"]}
"""


def test_xml_to_integers(tmp_path: Path) -> None:
    menu = load_menu(_write(tmp_path, xml_menu(), "menu.xml"))
    assert menu.name == "L1Menu_Small"
    (algorithm,) = menu.algorithms
    assert algorithm.index == 17
    assert algorithm.expression == ["and", "dist_mu_0", ["not", "ext_1"]]
    assert menu.conditions["ext_1"] == External(index=71, bx=1, name="BPTX.v0")
    pair = menu.conditions["dist_mu_0"]
    assert isinstance(pair, Correlation)
    assert pair.charge == "os"
    assert pair.limits[0].model_dump() == {"measure": "dr2", "lower": 0, "upper": 2_561_000}
    assert pair.legs[0].model_dump(exclude_defaults=True) == {
        "type": "mu",
        "threshold": 11,
        "qual": 0xF000,
        "eta": ((-193, 193),),
    }


def test_old_names_of_charge_correlations(tmp_path: Path) -> None:
    menu = load_menu(_write(tmp_path, xml_menu(chgcor="1"), "menu.xml"))
    pair = menu.conditions["dist_mu_0"]
    assert isinstance(pair, Correlation)
    assert pair.charge == "os"


def test_official_window_inside_out_is_noted_not_refused(tmp_path: Path) -> None:
    menu = load_menu(_write(tmp_path, xml_menu(eta_minimum="+2.2130625E+00"), "menu.xml"))
    assert len(menu.notes) == 1
    assert "MU-ETA_2p10 runs from 2.21306 to 2.10431" in menu.notes[0]


XML_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"close": "</tmxsd:menus>"}, "", "malformed XML: mismatched tag"),
    ({"expression": "MU5[MU-QLTY_BEST]"}, "6:17", "unknown cut"),
    ({"expression": "MU5 AND FOO3"}, "6:25", "unexpected symbol"),
    ({"expression": "JET30"}, "6:17", "no ET scale for JET"),
    ({"qlty": "12,x"}, "6:22", "not a list of codes"),
    ({"qlty": "16"}, "6:22", "has 4 bits"),
    ({"cut_type": "DX"}, "12:42", "unknown type of cut"),
    ({"chgcor": "xx"}, "6:17", "ls or os"),
    (
        {"precision": _precision("MU-MU-Math", 5), "expression": "mass_inv{MU5,MU5}[MASS_MIN_7]"},
        "",
        "tables have 4 digits",
    ),
    ({"cable": "4"}, "", "no such external input"),
    ({"eta_minimum": "low"}, "11:7", "not a number"),
    ({"eta_minimum": "nan"}, "11:7", "not a finite number"),
    (
        {"precision": _precision("MU-MU-Mass", -5), "expression": "mass_inv{MU5,MU5}[MASS_MIN_7]"},
        "",
        "0 to 9 digits",
    ),
    ({"expression": "NOT " * 5000 + "MU5"}, "6:17", "nested too deeply"),
    ({"declaration": '<!DOCTYPE menu [<!ENTITY a "b">]>'}, "1:", "document type"),
]


@pytest.mark.parametrize(("changes", "place", "problem"), XML_FAULTS, ids=[f[2] for f in XML_FAULTS])
def test_xml_faults(tmp_path: Path, changes: dict[str, Any], place: str, problem: str) -> None:
    path = _write(tmp_path, xml_menu(**changes), "menu.xml")
    with pytest.raises(InputError) as caught:
        load_menu(path)
    assert problem in str(caught.value)
    assert str(caught.value.file).startswith(f"{path}:{place}")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("menu.txt", "", "unknown kind of menu file"),
        ("menu.json", "{", "malformed JSON"),
        ("menu.json", "{}", "not a compiled menu"),
        ("menu.json", '{"format": "l1forge-menu", "name": "x"}', "Field required"),
        ("menu.yaml", "", "the file is empty"),
        ("menu.yaml", "a: 1\nb: \0", ":2: malformed YAML"),
        ("menu.yaml", "menu: 2026-99-99", "malformed YAML: month"),
        ("menu.yaml", "menu: &a [*a]", "nested too deeply"),
        ("menu.xml", "<a/>", "not a trigger menu"),
        ("menu.xml", "<menu/>", "the menu has no algorithms"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load_menu(_write(tmp_path, text, name))


def test_missing_file() -> None:
    for name in ("nowhere.yaml", "nowhere.xml", "nowhere.json"):
        with pytest.raises(InputError, match="cannot read"):
            load_menu(name)
