"""A YAML menu that adds seeds to another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.language.load import DEFAULT, MENUS, load_menu

BASE = """
menu: Base
judge: firmware
externals: {A: 3}
scores: {vae: {type: "ufixed<8,8>"}}
algorithms:
  - {index: 5, name: L1_One, seed: "MU22"}
"""


def write(folder: Path, text: str, name: str = "more.yaml") -> Path:
    (folder / "base.yaml").write_text(BASE)
    (folder / name).write_text(text)
    return folder / name


def test_seeds_follow_those_of_the_base(tmp_path: Path) -> None:
    text = """
base: base.yaml
externals: {B: 70}
algorithms:
  - {name: L1_Two, seed: "EXT_A AND EXT_B AND SCORE(vae) >= 4"}
"""
    menu = load_menu(write(tmp_path, text))
    assert (menu.name, menu.judge) == ("more", "firmware")
    assert [(a.index, a.name) for a in menu.algorithms] == [(5, "L1_One"), (6, "L1_Two")]
    assert menu.algorithms[0] == load_menu(tmp_path / "base.yaml").algorithms[0]


def test_the_calorimeter_menu_is_the_default_menu_and_one_seed() -> None:
    menu, default = load_menu(MENUS / "with_calorimeter.yaml"), load_menu(DEFAULT)
    *first, last = menu.algorithms
    assert tuple(first) == tuple(default.algorithms)
    assert (last.index, last.name) == (200, "L1_CICADA")
    assert {name: menu.conditions[name] for name in default.conditions} == default.conditions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: none.yaml\nalgorithms: []", "more.yaml:1:7: base: no such menu (got 'none.yaml')"),
        ("base: more.yaml\nalgorithms: []", "a menu cannot be its own base"),
        (
            "base: base.yaml\njudge: emulator\nalgorithms: []",
            "judge: is not the judge of the base (got 'emulator')",
        ),
        ("base: base.yaml\nexternals: {A: 4}\nalgorithms: []", "externals.A: the base has it already"),
        ('base: base.yaml\nscores: {vae: {type: "ufixed<9,9>"}}\nalgorithms: []', "scores.vae: the base has"),
        ('base: base.yaml\nalgorithms: [{index: 5, name: L1_B, seed: "MU3"}]', "L1_One"),
        ('base: base.yaml\nalgorithms: [{name: L1_One, seed: "MU3"}]', "L1_One"),
        ("base: [1]\nalgorithms: []", "a text is expected here"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_menu(write(tmp_path, text))
    assert message in str(error.value)


def test_bases_that_go_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: b.yaml\nalgorithms: []")
    (tmp_path / "b.yaml").write_text("base: a.yaml\nalgorithms: []")
    with pytest.raises(InputError, match="a menu cannot be its own base"):
        load_menu(tmp_path / "a.yaml")
