"""Menus as limits of deployed firmware: each kind of condition, expressions, refusals."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import load_menu

JET = {"type": "jet", "bx": 0, "pt": 60, "slice": [0, 11], "eta": [[203, 52]]}
MU = {
    "type": "mu",
    "bx": -1,
    "pt": 7,
    "qual": 61440,
    "phi": [[336, 527]],
    "eta": [[402, 110]],
    "upt": [7, 255],
}
TAU = {"type": "tau", "bx": 0, "pt": 52, "iso": 14}
CONDITIONS: dict[str, dict[str, Any]] = {
    "one": {"kind": "comb", "objects": [JET]},
    "llp": {"kind": "comb", "objects": [{**JET, "disp": True}]},
    "two": {"kind": "comb", "objects": [{**MU, "bx": 0}, {**MU, "bx": 0}], "charge_corr": "os"},
    "far": {
        "kind": "corr",
        "objects": [{**MU}, {**MU, "bx": 0}],
        "cuts": {"dphi": [2618, 3142]},
        "same_bx": False,
    },
    "mass": {"kind": "corr", "objects": [JET, JET], "cuts": {"mass": [80, 900]}, "mass_type": "inv"},
    "mt": {
        "kind": "corr",
        "objects": [{**TAU, "type": "eg"}, {"type": "etm", "bx": 0, "pt": 20}],
        "cuts": {"mass": [80, 900]},
        "mass_type": "trans",
    },
    "three": {"kind": "mass3", "objects": [{**MU}] * 3, "cuts": {"mass": [0, 72]}, "mass_type": "inv"},
    "free": {"kind": "comb_orm", "objects": [TAU, TAU], "orm": {"dr": [0, 250000]}, "orm_object": JET},
    "pair_free": {
        "kind": "corr_orm",
        "objects": [JET, JET, TAU],
        "orm": {"dr": [0, 41000]},
        "cuts": {"mass": [1, 2]},
        "mass_type": "inv",
    },
    "sum": {"kind": "esum", "type": "etmhf", "bx": 0, "et": 200},
    "count": {"kind": "count", "type": "mbt0hfm", "bx": 0, "count": 1},
    "shower": {"kind": "signal", "type": "mus0", "bx": 0},
    "ext": {"kind": "ext", "type": "ext_cond", "index": 7, "bx": 2},
    "net": {"kind": "ml", "model": "axol1tl_v3", "generics": [False, 15717]},
}
EXPRESSIONS = {
    "one": "one",
    "not one": ["not", "one"],
    "one and two or not sum": ["or", ["and", "one", "two"], ["not", "sum"]],
    "one and ( two or sum )": ["and", "one", ["or", "two", "sum"]],
    "one and(two or sum)and net": ["and", "one", ["or", "two", "sum"], "net"],
    "one or two xor sum and ext": ["or", "one", ["xor", "two", ["and", "sum", "ext"]]],
    "not ( one ) and not not two": ["and", ["not", "one"], ["not", ["not", "two"]]],
}


def document(**changes: Any) -> dict[str, Any]:
    rows = [{"index": i, "name": f"L1_{i}", "expr": text} for i, text in enumerate(EXPRESSIONS)]
    made = {"menu": {"name": "L1Menu_2024"}, "conditions": CONDITIONS, "algorithms": rows}
    return copy.deepcopy(made) | changes


def read(folder: Path, content: object) -> CompiledMenu:
    (folder / "menu.json").write_text(json.dumps(content))
    return load_menu(folder / "menu.json")


def test_every_kind_becomes_a_condition(tmp_path: Path) -> None:
    menu = read(tmp_path, document())
    kinds = {name: condition.kind for name, condition in menu.conditions.items()}
    assert kinds == {
        **dict.fromkeys(("one", "llp", "two", "free"), "combination"),
        **dict.fromkeys(("far", "mass", "mt", "pair_free"), "correlation"),
        "three": "triple",
        **dict.fromkeys(("sum", "count"), "value"),
        "shower": "signal",
        "ext": "external",
        "net": "score",
    }
    plain = {name: condition.model_dump(exclude_defaults=True) for name, condition in menu.conditions.items()}
    assert plain["one"]["legs"][0] == {"type": "jet", "threshold": 60, "eta": ((-53, 52),), "slots": (0, 11)}
    assert plain["llp"]["legs"][0]["displaced"] == 1
    assert plain["two"]["charge"] == "os"
    far = plain["far"]["legs"][0]
    assert (far["bx"], far["eta"], far["phi"], far["upt"]) == (-1, ((-110, 110),), ((336, 527),), ((7, 255),))
    assert plain["mass"]["limits"] == ({"measure": "mass", "lower": 80, "upper": 900},)
    assert plain["mt"]["limits"][0]["measure"] == "mass_transverse"
    assert plain["three"]["limits"][0]["measure"] == "mass3"
    assert plain["free"]["overlap"]["object"]["type"] == "jet"
    assert plain["pair_free"]["overlap"]["limits"] == ({"measure": "dr2", "lower": 0, "upper": 41000},)
    assert plain["net"] == {"score": "axo_v3", "lower": 15717}
    assert menu.score_types == {"axo_v3": "ufixed<18,14>"}
    assert (menu.judge, menu.overlap) == ("emulator", "any_free")
    assert "limits of deployed firmware" in menu.notes[0]


def test_expressions_bind_as_in_the_grammar(tmp_path: Path) -> None:
    menu = read(tmp_path, document())
    assert {text: a.expression for text, a in zip(EXPRESSIONS, menu.algorithms, strict=True)} == EXPRESSIONS


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("one", {"kind": "quad"}, "conditions.one: cannot be read: unknown kind 'quad'"),
        ("one", {"objects": [JET]}, "conditions.one: lacks or does not know 'kind'"),
        ("one", {"kind": "comb"}, "conditions.one: lacks or does not know 'objects'"),
        ("one", {"kind": "comb", "objects": [{**JET, "hoe": 1}]}, "lacks or does not know 'hoe'"),
        ("one", {"kind": "comb", "objects": [{**JET, "type": "tower"}]}, "lacks or does not know 'tower'"),
        ("one", {"kind": "comb", "objects": [{**JET, "eta": [[300, 5]]}]}, "300 is no code of 8 bits"),
        ("one", {"kind": "comb", "objects": [{**JET, "eta": 5}]}, "a list is expected, not 5"),
        (
            "one",
            {"kind": "comb", "objects": [{**JET, "pt": "x"}]},
            "conditions.one.combination.legs.0.threshold",
        ),
        ("one", {"kind": "comb", "objects": []}, "conditions.one.combination.legs"),
        ("one", [], "conditions.one: a mapping (name: value) is expected here"),
        (
            "mass",
            {"kind": "corr", "objects": [JET, JET], "cuts": {"dz": [0, 1]}},
            "lacks or does not know 'dz'",
        ),
        (
            "mass",
            {"kind": "corr", "objects": [JET, JET], "cuts": {"deta": [0]}},
            "conditions.mass: cannot be read",
        ),
    ],
)
def test_a_bad_condition_is_refused_with_its_place(tmp_path: Path, place: str, value: Any, line: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, document(conditions={**CONDITIONS, place: value}))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "a condition is expected, not ''"),
        ("one and", "a condition is expected, not ''"),
        ("( one", "a parenthesis is not closed"),
        ("one )", "unexpected ')'"),
        ("one two", "unexpected 'two'"),
        ("or one", "a condition is expected, not 'or'"),
        ("one and nobody", "uses the undefined condition 'nobody'"),
        ("(" * 4000 + "one", "nested too deeply"),
    ],
)
def test_a_bad_expression_is_refused(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, document(algorithms=[{"index": 0, "name": "L1_A", "expr": text}]))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    "changes", [{"algorithms": 3}, {"conditions": []}, {"menu": "x"}, {"algorithms": [4]}]
)
def test_other_shapes_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        read(tmp_path, document(**changes))
