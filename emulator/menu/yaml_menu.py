"""Menus written by hand: seeds in the CMS grammar, cuts by name, thresholds on scores (docs/menu.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from emulator.errors import InputError
from emulator.fixed import FixedType
from emulator.menu.build import MenuSource, Seed, build_menu
from emulator.menu.compiled import EXTERNALS, CompiledMenu, Judge, Known
from emulator.menu.cuts import CUT_TYPES, Cut
from emulator.menu.grammar import Place
from emulator.menu.scales import standard_scales
from emulator.menu.scores import ScoreType
from emulator.menu.yaml_tree import Item, read_yaml

KEYS = ("menu", "judge", "cuts", "externals", "scores", "algorithms", "known")
JUDGES = ("emulator", "firmware")


def read_yaml_menu(path: str | Path) -> CompiledMenu:
    """Read and compile a YAML menu.

    Raises
    ------
    InputError
        With file, line and column, for anything unknown, contradictory or out of range.
    """
    root = read_yaml(path)
    table = root.mapping(KEYS)
    if "algorithms" not in table:
        raise root.error("the menu has no algorithms", remedy="list them under algorithms")
    judge = table["judge"].text() if "judge" in table else "emulator"
    if judge not in JUDGES:
        raise table["judge"].error("unknown judge", value=judge, remedy=" or ".join(JUDGES))
    cuts = _cuts(table.get("cuts"))
    source = MenuSource(
        name=table["menu"].text() if "menu" in table else Path(path).stem,
        seeds=_seeds(table["algorithms"], cuts),
        scales=standard_scales(),
        externals=_externals(table.get("externals")),
        judge=cast(Judge, judge),
        scores=_scores(table.get("scores")),
        known=_known(table.get("known")),
    )
    return build_menu(source)


def _seeds(item: Item, cuts: Mapping[str, Cut]) -> tuple[Seed, ...]:
    """Entries ``{index: 3, name: L1_SingleMu22, seed: ..}``; without index, the one after the last."""
    seeds: list[Seed] = []
    index = 0
    for entry in item.items():
        row = entry.mapping(("index", "name", "seed", "comment"))
        for key in ("name", "seed"):
            if key not in row:
                raise entry.error(f"the algorithm has no {key}")
        index = row["index"].integer() if "index" in row else index
        seed = row["seed"]
        place = Place(seed.file, seed.line, seed.column, row["name"].text())
        seeds.append(Seed(index, row["name"].text(), seed.text(), place, cuts))
        index += 1
    return tuple(seeds)


def _cuts(item: Item | None) -> dict[str, Cut]:
    return {name: _cut(name, entry) for name, entry in item.mapping().items()} if item else {}


def _cut(name: str, item: Item) -> Cut:
    """``{type: ETA, object: MU, min: -2.1, max: 2.1}`` or ``{type: ISO, object: EG, data: [1, 3]}``."""
    row = item.mapping(("type", "object", "min", "max", "data"))
    if "type" not in row:
        raise item.error("the cut has no type", remedy=f"one of {', '.join(CUT_TYPES)}")
    kind = row["type"].text()
    if kind not in CUT_TYPES:
        raise row["type"].error("unknown type of cut", value=kind, remedy=f"one of {', '.join(CUT_TYPES)}")
    low = row["min"].number() if "min" in row else None
    high = row["max"].number() if "max" in row else None
    if low is not None and high is not None and low > high and kind != "PHI":
        raise item.error("contradictory window: min is above max", value=f"{low:g}, {high:g}")
    for bound in (low, high):
        if bound is not None and not math.isfinite(bound):
            raise item.error("a limit is a finite number", value=bound)
    data = row["data"].plain() if "data" in row else ""
    text = ",".join(str(code) for code in data) if isinstance(data, list) else str(data)
    owner = row["object"].text() if "object" in row else ""
    return Cut(name, kind, owner, low, high, text)


def _externals(item: Item | None) -> dict[str, int]:
    """``name: bit`` of the 256 external conditions."""
    signals: dict[str, int] = {}
    for name, entry in (item.mapping() if item else {}).items():
        signals[name] = entry.integer()
        if not 0 <= signals[name] < EXTERNALS:
            raise entry.error("no such external input", value=signals[name], remedy=f"0 .. {EXTERNALS - 1}")
    return signals


def _scores(item: Item | None) -> dict[str, ScoreType]:
    """``vae: {type: "ufixed<18,14>"}``; ``physical: true`` reads integer literals in physical units, too."""
    declared: dict[str, ScoreType] = {}
    for name, entry in (item.mapping() if item else {}).items():
        row = entry.mapping(("type", "physical"))
        if "type" not in row:
            raise entry.error("the score has no type", remedy='such as {type: "ufixed<18,14>"}')
        text = row["type"].text()
        try:
            type_ = FixedType.parse(text)
        except InputError as error:
            raise row["type"].error(error.problem, value=text, remedy=error.remedy) from error
        declared[name] = ScoreType(type_, row["physical"].flag() if "physical" in row else False)
    return declared


def _known(item: Item | None) -> tuple[Known, ...]:
    return read_known(item) if item else ()


def read_known(item: Item) -> tuple[Known, ...]:
    """Entries ``{algorithm: L1_.., reason: .., vectors: "*data*"}`` of documented disagreements."""
    known = []
    for entry in item.items():
        row = entry.mapping(("algorithm", "reason", "vectors"))
        for key in ("algorithm", "reason"):
            if key not in row:
                raise entry.error(f"the entry has no {key}")
        pattern = row["vectors"].text() if "vectors" in row else "*"
        known.append(Known(algorithm=row["algorithm"].text(), reason=row["reason"].text(), vectors=pattern))
    return tuple(known)
