"""Menus written by hand: seeds in the CMS grammar, cuts by name, thresholds on scores (docs/menu.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.menu.compiled import ALGORITHMS, EXTERNALS, CompiledMenu, Judge, Known, OverlapRule
from l1forge.emulator.menu.language.build import MenuSource, Seed, build_menu
from l1forge.emulator.menu.language.cuts import CUT_TYPES, Cut, editor_limit
from l1forge.emulator.menu.language.grammar import Place
from l1forge.emulator.menu.language.scales import standard_scales
from l1forge.emulator.menu.language.scores import ScoreType
from l1forge.emulator.menu.language.yaml_tree import Item, read_yaml

KEYS = ("menu", "base", "judge", "overlap", "cuts", "externals", "scores", "algorithms", "known")
JUDGES = ("emulator", "firmware")
OVERLAP_RULES = ("any_free", "none_overlaps")


def read_yaml_menu(path: str | Path) -> CompiledMenu:
    """Read and compile a YAML menu.

    Raises
    ------
    InputError
        With file, line and column, for anything unknown, contradictory or out of range.
    """
    return build_menu(_source(Path(path), ()))


def _source(path: Path, above: tuple[Path, ...]) -> MenuSource:
    """What the file says, after all that its base says; ``above``: the files that led here."""
    root = read_yaml(path)
    table = root.mapping(KEYS)
    base: MenuSource | None = None
    if "base" in table:
        item = table["base"]
        file, here = (path.parent / item.text()).resolve(), (*above, path.resolve())
        if file in here:
            raise item.error("a menu cannot be its own base", value=item.text())
        if not file.is_file():
            raise item.error(
                "no such menu", value=item.text(), remedy="paths are relative to the menu's folder"
            )
        base = _source(file, here)
    if "algorithms" not in table:
        raise root.error("the menu has no algorithms", remedy="list them under algorithms")
    judge = table["judge"].text() if "judge" in table else base.judge if base else "emulator"
    if judge not in JUDGES:
        raise table["judge"].error(
            "unknown judge (which of emulator and firmware to follow)",
            value=judge,
            remedy=" or ".join(JUDGES),
        )
    overlap = table["overlap"].text() if "overlap" in table else base.overlap if base else "any_free"
    if overlap not in OVERLAP_RULES:
        remedy = " or ".join(OVERLAP_RULES)
        raise table["overlap"].error("unknown rule of overlap removal", value=overlap, remedy=remedy)
    if base is not None and judge != base.judge:
        raise table["judge"].error("is not the judge of the base", value=judge, remedy=f"it is {base.judge}")
    earlier = base or MenuSource("", (), standard_scales(), {})
    last = earlier.seeds[-1].index if earlier.seeds else -1
    cuts = _cuts(table.get("cuts"), judge)
    externals, scores = _externals(table.get("externals")), _scores(table.get("scores"))
    for name, again, key in (
        *((name, earlier.externals, "externals") for name in externals),
        *((name, earlier.scores, "scores") for name in scores),
    ):
        if name in again:
            raise table[key].mapping()[name].error("the base has it already", value=name)
    return MenuSource(
        name=table["menu"].text() if "menu" in table else path.stem,
        seeds=(*earlier.seeds, *_seeds(table["algorithms"], cuts, last + 1)),
        scales=earlier.scales,
        externals={**earlier.externals, **externals},
        judge=cast(Judge, judge),
        scores={**earlier.scores, **scores},
        known=(*earlier.known, *_known(table.get("known"))),
        overlap=cast(OverlapRule, overlap),
    )


def _seeds(item: Item, cuts: Mapping[str, Cut], index: int) -> tuple[Seed, ...]:
    """Entries ``{index: 3, name: L1_SingleMu22, seed: ..}``; without index, the one after the last."""
    seeds: list[Seed] = []
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


def _cuts(item: Item | None, judge: str) -> dict[str, Cut]:
    return {name: _cut(name, entry, judge) for name, entry in item.mapping().items()} if item else {}


def _cut(name: str, item: Item, judge: str) -> Cut:
    """``{type: ETA, object: MU, min: -2.1, max: 2.1}`` or ``{type: ISO, object: EG, data: [1, 3]}``.

    An eta window with min above max means its complement to the emulator; to the firmware, nothing.
    """
    row = item.mapping(("type", "object", "min", "max", "data"))
    if "type" not in row:
        raise item.error("the cut has no type", remedy=f"one of {', '.join(CUT_TYPES)}")
    kind = row["type"].text()
    if kind not in CUT_TYPES:
        raise row["type"].error("unknown type of cut", value=kind, remedy=f"one of {', '.join(CUT_TYPES)}")
    low = row["min"].number() if "min" in row else None
    high = row["max"].number() if "max" in row else None
    wraps = kind == "PHI" or (kind == "ETA" and judge == "emulator")
    if low is not None and high is not None and low > high and not wraps:
        raise item.error("contradictory window: min is above max", value=f"{low:g}, {high:g}")
    for bound in (low, high):
        if bound is not None and not math.isfinite(bound):
            raise item.error("a limit is a finite number", value=bound)
    data = row["data"].plain() if "data" in row else ""
    text = ",".join(str(code) for code in data) if isinstance(data, list) else str(data)
    owner = row["object"].text() if "object" in row else ""
    low, high = (None if bound is None else editor_limit(kind, bound) for bound in (low, high))
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
    """``vae: {type: "ufixed<18,14>"}``; ``physical: true`` reads integer literals in physical units, too.

    ``axo_v4: {graph: axo.json}`` binds a graph file, relative to the menu; its output gives the type.
    """
    declared: dict[str, ScoreType] = {}
    for name, entry in (item.mapping() if item else {}).items():
        row = entry.mapping(("type", "physical", "graph"))
        physical = row["physical"].flag() if "physical" in row else False
        graph = str((Path(entry.file).parent / row["graph"].text()).resolve()) if "graph" in row else None
        if "type" not in row and graph is not None:
            declared[name] = ScoreType(_output_type(name, graph, row["graph"]), physical, graph)
            continue
        if "type" not in row:
            raise entry.error("the score has no type", remedy='such as {type: "ufixed<18,14>"}')
        text = row["type"].text()
        try:
            type_ = FixedType.parse(text)
        except InputError as error:
            raise row["type"].error(error.problem, value=text, remedy=error.remedy) from error
        declared[name] = ScoreType(type_, physical, graph)
    return declared


def _output_type(score: str, file: str, item: Item) -> FixedType:
    """Type of the output of a bound graph that a score's name stands for."""
    if not Path(file).is_file():
        raise item.error("no such graph file", value=file, remedy="paths are relative to the menu's folder")
    graph = Graph.load(file)
    output = score.partition(".")[2] or graph.outputs[0]
    if output not in graph.outputs:
        remedy = f"it has {', '.join(graph.outputs)}"
        raise item.error("the graph has no such output", value=output, remedy=remedy)
    return graph[output].type


def _known(item: Item | None) -> tuple[Known, ...]:
    return read_known(item) if item else ()


def read_known(item: Item) -> tuple[Known, ...]:
    """Entries ``{algorithm: L1_.., reason: .., vectors: "*data*"}`` of documented disagreements.

    ``bits: [67, 511]`` restricts an entry to algorithm bits, ``unset: true`` to bits that the file never
    sets.
    """
    known = []
    for entry in item.items():
        row = entry.mapping(("algorithm", "reason", "vectors", "bits", "unset"))
        for key in ("algorithm", "reason"):
            if key not in row:
                raise entry.error(f"the entry has no {key}")
        pattern = row["vectors"].text() if "vectors" in row else "*"
        known.append(
            Known(
                algorithm=row["algorithm"].text(),
                reason=row["reason"].text(),
                vectors=pattern,
                bits=_bits(row["bits"]) if "bits" in row else (0, ALGORITHMS - 1),
                unset=row["unset"].flag() if "unset" in row else False,
            )
        )
    return tuple(known)


def _bits(item: Item) -> tuple[int, int]:
    bits = [entry.integer() for entry in item.items()]
    if len(bits) != 2 or not 0 <= bits[0] <= bits[1] < ALGORITHMS:
        raise item.error(
            "expected a list of the first and the last algorithm bit", value=bits, remedy="such as [67, 511]"
        )
    return bits[0], bits[1]
