"""Compiled menus from the JSON summary of a deployed firmware (field names of the VHDL generics)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu.compiled import CompiledMenu, Known
from l1forge.emulator.menu.quantities import OBJECTS, SIGNALS

MEASURES = {"deta": "deta", "dphi": "dphi", "dr": "dr2", "mass": "mass", "pt": "pt2"}


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >= 1 << (width - 1) else value


def _requirement(entry: dict[str, Any]) -> dict[str, Any]:
    kind = OBJECTS[entry["type"]]
    result: dict[str, Any] = {"type": entry["type"], "bx": entry["bx"], "threshold": entry["pt"]}
    if "eta" in entry:
        width = COLLECTIONS[kind.collection]["eta"].width
        result["eta"] = [[_signed(low, width), _signed(high, width)] for low, high in entry["eta"]]
    for ours, theirs in (("phi", "phi"), ("index", "idx"), ("iso", "iso"), ("qual", "qual"), ("ip", "ip")):
        if theirs in entry:
            result[ours] = entry[theirs]
    if "upt" in entry:
        result["upt"] = [entry["upt"]]
    if "disp" in entry:
        result["displaced"] = int(entry["disp"])
    if entry.get("slice") and tuple(entry["slice"]) != (0, kind.slots - 1):
        result["slots"] = entry["slice"]
    if "charge" in entry:
        result["charge"] = {"pos": "positive", "neg": "negative"}[entry["charge"]]
    return result


def _limits(cuts: dict[str, Any], mass: str) -> list[dict[str, Any]]:
    return [
        {"measure": mass if name == "mass" else MEASURES[name], "lower": low, "upper": high}
        for name, (low, high) in cuts.items()
    ]


def _condition(entry: dict[str, Any]) -> dict[str, Any]:
    kind = entry["kind"]
    if kind == "esum":
        return {"kind": "value", "quantity": entry["type"], "bx": entry["bx"], "threshold": entry["et"]}
    if kind == "count":
        return {"kind": "value", "quantity": entry["type"], "bx": entry["bx"], "threshold": entry["count"]}
    if kind == "signal":
        assert entry["type"] in SIGNALS
        return {"kind": "signal", "signal": entry["type"], "bx": entry["bx"]}
    if kind == "ext":
        return {"kind": "external", "index": entry["index"], "bx": entry["bx"]}
    if kind == "ml":
        return {"kind": "score", "score": entry["model"], "lower": entry["generics"][1]}
    legs = [_requirement(item) for item in entry["objects"]]
    result: dict[str, Any] = {"legs": legs}
    if "charge_corr" in entry:
        result["charge"] = entry["charge_corr"]
    mass = {"inv": "mass", "trans": "mass_transverse", "upt": "mass_upt"}.get(
        entry.get("mass_type", ""), "mass"
    )
    if kind == "comb":
        return {"kind": "combination", **result}
    if kind == "comb_orm":
        overlap = {"limits": _limits(entry["orm"], mass), "object": _requirement(entry["orm_object"])}
        return {"kind": "combination", **result, "overlap": overlap}
    if kind == "mass3":
        return {"kind": "triple", **result, "limits": _limits(entry["cuts"], "mass3")}
    result["limits"] = _limits(entry["cuts"], mass)
    if kind == "corr_orm":
        third = legs.pop() if entry["obj_2plus1"] else None
        result["overlap"] = {"limits": _limits(entry["orm"], mass), "object": third}
    return {"kind": "correlation", **result}


def _expression(text: str) -> Any:
    """Condition names with and, or, xor, not and parentheses, loosest operator last."""
    tokens = re.findall(r"[()]|\w+", text)

    def level(names: tuple[str, ...]) -> Any:
        if not names:
            token = tokens.pop(0)
            if token == "not":
                return ["not", level(())]
            if token == "(":
                inner = level(("or", "xor", "and"))
                assert tokens.pop(0) == ")"
                return inner
            return token
        operands = [level(names[1:])]
        while tokens and tokens[0] == names[0]:
            tokens.pop(0)
            operands.append(level(names[1:]))
        return operands[0] if len(operands) == 1 else [names[0], *operands]

    result = level(("or", "xor", "and"))
    assert not tokens, tokens
    return result


def convert(path: Path, judge: str = "emulator", known: tuple[Known, ...] = ()) -> CompiledMenu:
    """The compiled menu of a firmware summary."""
    data = json.loads(path.read_text())
    return CompiledMenu.model_validate(
        {
            "name": data["menu"]["name"],
            "judge": judge,
            "conditions": {name: _condition(entry) for name, entry in data["conditions"].items()},
            "algorithms": [
                {
                    "index": a["index"],
                    "name": a["name"],
                    "expression": _expression(a["expr"]),
                    "grammar": a["grammar"],
                }
                for a in sorted(data["algorithms"], key=lambda a: a["index"])
            ],
            "known": known,
        }
    )
