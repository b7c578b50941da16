"""The description of a path and its register file: read, or refused in one line that names the place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import ORBITS_PER_LUMINOSITY_SECTION, TRIGGER_RULES
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import DEFAULT as DEFAULT_MENU
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.description import CLOCK_MHZ, DEFAULT, check_models, load_description
from l1forge.emulator.path.registers import document_of, load_registers, reset_values
from l1forge.emulator.path.thresholds import thresholds_of, with_thresholds
from l1forge.emulator.path.trigger_control import TriggerControl

MENU = """
menu: L1Menu_registers
scores: {net: {type: "fixed<8,8>"}}
algorithms:
  - {index: 1, name: L1_Mu, seed: "MU5"}
  - {index: 2, name: L1_Mu_or_Jet, seed: "MU7 OR JET30[ER2p1]"}
  - {index: 3, name: L1_Net, seed: "SCORE(net) >= -5"}
  - {index: 4, name: L1_Earlier, seed: "MU9-1"}
  - {index: 5, name: L1_Two, seed: "comb{MU5,MU5}"}
  - {index: 6, name: L1_HTT, seed: "HTT60"}
"""


@pytest.fixture
def menu(tmp_path: Path) -> CompiledMenu:
    (tmp_path / "menu.yaml").write_text(MENU)
    return load_menu(tmp_path / "menu.yaml")


def described(folder: Path, text: str) -> Path:
    (folder / "path.yaml").write_text(text)
    return folder / "path.yaml"


def test_the_default_path_is_that_of_the_default_menu() -> None:
    found = load_description()
    assert found.file == DEFAULT
    assert found.menu == DEFAULT_MENU
    assert found.orbits_per_section == ORBITS_PER_LUMINOSITY_SECTION
    assert found.clock_mhz == CLOCK_MHZ == 40.079
    check_models(found, tuple({score.partition(".")[0] for score in load_menu(found.menu).scores}))


def test_what_is_left_out_has_defaults(tmp_path: Path) -> None:
    found = load_description(described(tmp_path, "models: {vae: {stages: 4}}"))
    assert (found.name, found.menu) == ("path", DEFAULT_MENU)
    assert found.choice("vae").stages == 4
    assert found.choice("other").rtl == "pipeline"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("menu: none.yaml", "path.yaml:1:7: menu: no such menu file"),
        ("menus: default", "unknown key (got 'menus'); known: path, menu"),
        ("path: 3x", "letters, digits and underscores expected (got '3x')"),
        (
            "clock_mhz: 240.47",
            "one crossing per clock of the crossing rate (got 240.47); write clock_mhz: 40.079",
        ),
        ("clock_mhz: fast", "a number is expected here (got 'fast')"),
        ("orbits_per_section: 0", "orbits_per_section: 1 to 4,294,967,295 expected (got 0)"),
        ("models: {vae: {rtl: folded}}", "models.vae.rtl: pipeline or port expected (got 'folded')"),
        ("models: {vae: {rtl: port, stages: 2}}", "models.vae.stages: belongs to a pipeline (got 2)"),
        ("models: {vae: {latency: 2}}", "models.vae.latency: belongs to a port (got 2); leave latency out"),
        ("models: {vae: {graph: none.json}}", "models.vae.graph: no such graph file"),
        ("models: {vae: {stages: 65}}", "1 to 64 expected (got 65)"),
        ("models: {vae: {}, vae: {}}", "vae: the key is there twice"),
        ("models: [vae]", "a mapping (name: value) is expected here"),
        ("", "the file is empty"),
    ],
)
def test_a_bad_description_is_refused_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as refused:
        load_description(described(tmp_path, text))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_that_the_menu_does_not_use_is_refused(tmp_path: Path) -> None:
    found = load_description(described(tmp_path, "models: {vea: {}}"))
    with pytest.raises(InputError, match=r"the menu does not use this model \(got 'vea'\); it uses vae"):
        check_models(found, ("vae",))


def test_single_conditions_of_the_crossing_itself_have_a_threshold(menu: CompiledMenu) -> None:
    found = [(*one.seeds, one.subject, one.least, one.most, one.value) for one in thresholds_of(menu)]
    assert found == [
        ("L1_Mu", "mu.pt", 1, 512, 11),
        ("L1_Mu_or_Jet", "mu.pt", 1, 512, 15),
        ("L1_Mu_or_Jet", "jet.et", 1, 2048, 60),
        ("L1_Net", "net", -128, 127, -5),
        ("L1_HTT", "htt.et", 1, 4096, 120),
    ]


def written(folder: Path, **document: object) -> Path:
    file = folder / "registers.json"
    file.write_text(json.dumps({"format": "l1forge-registers", "version": 1, **document}))
    return file


def test_a_register_file_sets_what_it_names(menu: CompiledMenu, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        prescales={"L1_Mu": 1.5, "L1_HTT": 0},
        finor={"L1_Two": False},
        veto={"L1_Net": True},
        bx_mask={"L1_Mu": "3 10-12"},
        thresholds={"L1_Mu": 45, "L1_Net": -128},
        rules=[[2, 7]],
        dead_time=3,
        buffer=[4, 100],
        orbits_per_section=5,
    )
    values = load_registers(file, menu)
    assert values.settings.factors[[1, 2, 6]].tolist() == [150, 100, 0]
    assert (values.settings.finor[5], values.settings.veto[3]) == (False, True)
    assert np.flatnonzero(values.settings.closed[1]).tolist() == [3, 10, 11, 12]
    changed = values.menu(menu)
    assert sorted(one.value for one in thresholds_of(changed)) == sorted([45, -128, *others(menu)])
    assert (values.rules, values.dead_time, values.buffer, values.orbits_per_section) == (
        ((2, 7),),
        3,
        (4, 100),
        5,
    )
    assert values.control().reasons == ("dead time 3 BX", "2 in 7 BX", "buffer full")
    again = written(
        tmp_path, **{k: v for k, v in document_of(values, menu).items() if k not in ("format", "version")}
    )
    assert document_of(load_registers(again, menu), menu) == document_of(values, menu)


def others(menu: CompiledMenu) -> list[int]:
    return [one.value for one in thresholds_of(menu) if one.seeds not in (("L1_Mu",), ("L1_Net",))]


def test_an_empty_register_file_is_what_a_reset_leaves(menu: CompiledMenu, tmp_path: Path) -> None:
    values = load_registers(written(tmp_path), menu)
    assert document_of(values, menu) == document_of(reset_values(menu), menu)
    assert values.rules == TRIGGER_RULES
    assert with_thresholds(menu, {}) == values.menu(menu)


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"prescale": {}}, "unknown key (got 'prescale')"),
        (
            {"menu": "L1Menu_other"},
            "menu: belongs to another menu (got 'L1Menu_other'); expected L1Menu_registers",
        ),
        ({"prescales": {"L1_No": 1}}, "prescales: the menu has no such algorithm (got 'L1_No')"),
        ({"prescales": {"L1_Mu": 0.5}}, "prescales.L1_Mu: prescale below 1 and not 0 (got 0.5)"),
        ({"prescales": {"L1_Mu": "2"}}, "prescales.L1_Mu: a number expected (got '2')"),
        ({"prescales": {"L1_Mu": True}}, "prescales.L1_Mu: a number expected (got True)"),
        ({"prescales": [1]}, "prescales: a table (name: value) expected"),
        ({"finor": {"L1_Mu": 1}}, "finor.L1_Mu: true or false expected (got 1)"),
        ({"bx_mask": {"L1_Mu": "12-3600"}}, "bx_mask.L1_Mu: crossings below 3564 expected (got '12-3600')"),
        ({"bx_mask": {"L1_Mu": "9-3"}}, "crossings below 3564 expected (got '9-3')"),
        ({"bx_mask": {"L1_Mu": 4}}, "crossings such as 0-68 3443-3563 expected (got 4)"),
        ({"thresholds": {"L1_Mu": 0}}, "thresholds.L1_Mu: a whole number from 1 to 512 expected (got 0)"),
        ({"thresholds": {"L1_Net": 128}}, "a whole number from -128 to 127 expected (got 128)"),
        (
            {"thresholds": {"L1_Two": 9}},
            "thresholds: no threshold of this name is in a register (got 'L1_Two')",
        ),
        ({"thresholds": {"L1_Earlier": 9}}, "no threshold of this name is in a register (got 'L1_Earlier')"),
        (
            {"thresholds": {"L1_Mu_or_Jet": 9}},
            "the seed has several thresholds (got 'L1_Mu_or_Jet'); name one: single_",
        ),
        ({"rules": [[0, 3]]}, "rules[0]: a whole number from 1 to 4 expected (got 0)"),
        ({"rules": [[2, 1]]}, "rules[0]: a whole number from 2 to 65,535 expected (got 1)"),
        ({"rules": [[1, 3]] * 5}, "rules: at most 4 rules [accepts, crossings] expected"),
        ({"rules": [3]}, "rules[0]: [accepts, crossings] expected (got 3)"),
        ({"dead_time": 65535}, "dead_time: a whole number from 0 to 65,534 expected (got 65535)"),
        ({"buffer": [3, 0]}, "buffer: a whole number from 1 to 65,535 expected (got 0)"),
        ({"buffer": [100000, 65535]}, "buffer: (places - 1) x crossings must be below 2^24"),
        ({"orbits_per_section": 1.5}, "orbits_per_section: a whole number from 1"),
    ],
)
def test_a_bad_register_file_is_refused_in_one_line(
    menu: CompiledMenu, tmp_path: Path, document: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError) as refused:
        load_registers(written(tmp_path, **document), menu)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "registers.json" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "other"}', '{"format": "l1forge-registers", "version": 2}']
)
def test_other_files_are_no_register_files(menu: CompiledMenu, tmp_path: Path, text: str) -> None:
    (tmp_path / "registers.json").write_text(text)
    with pytest.raises(InputError):
        load_registers(tmp_path / "registers.json", menu)
    with pytest.raises(InputError, match="cannot be read"):
        load_registers(tmp_path / "none.json", menu)


def test_trigger_control_goes_on_with_other_rules() -> None:
    """A request 3 crossings after an accept is open for the old rule and closed by the new one."""
    request = np.array([True, False, False])
    first = TriggerControl(((1, 3),))
    assert first(request).tolist() == [True, False, False]
    later = TriggerControl(((1, 3),), after=first)
    assert later(np.array([True])).tolist() == [True]
    again = TriggerControl(((1, 3),))
    again(request)
    longer = TriggerControl(((1, 6),), after=again)
    assert longer(np.array([True, False, False, True])).tolist() == [False, False, False, True]
    assert longer.accounts.lost == {"1 in 6 BX": 1, "buffer full": 0}
