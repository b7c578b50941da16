"""The menu package as tests see it: build and evaluate one case, in the real package or in a mutant."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from tests.emulator.menu.cases import Case
from tests.emulator.menu.crossings import block
from tests.emulator.menu.mutants import name_of

EXTERNALS = {"A": 3, "B": 70}
SCORES = {"vae": ("ufixed<18,14>", False), "muon_pt.pt": ("ufixed<9,8>", True)}


def modules() -> SimpleNamespace:
    """The modules that a case needs, as they are imported now."""
    names = ("build", "compiled", "cuts", "evaluate", "grammar", "reference", "scales", "scores")
    return SimpleNamespace(**{name: importlib.import_module(name_of(name)) for name in names})


def compile_case(case: Case, m: SimpleNamespace) -> Any:
    """The compiled menu of one seed, with algorithm bit 7."""
    cuts = {}
    for name, entry in case.cuts.items():
        data = entry.get("data", "")
        text = ",".join(map(str, data)) if isinstance(data, list) else data
        cuts[name] = m.cuts.Cut(
            name, entry["type"], entry.get("object", ""), entry.get("min"), entry.get("max"), text
        )
    place = m.grammar.Place("case", 1, 1, case.name)
    scores = {
        name: m.scores.ScoreType(FixedType.parse(t), physical) for name, (t, physical) in SCORES.items()
    }
    source = m.build.MenuSource(
        "case",
        (m.build.Seed(7, "L1_Case", case.seed, place, cuts),),
        m.scales.standard_scales(),
        EXTERNALS,
        case.judge,
        scores,
        overlap=case.overlap,
    )
    return m.build.build_menu(source)


def scores_of(case: Case) -> dict[str, Any]:
    return {name: np.array(values, np.int64) for name, values in case.scores.items()}


def decide(case: Case, m: SimpleNamespace) -> str:
    """The decisions as a string of 0 and 1, from the kernels, with and without leaving out crossings."""
    evaluator = m.evaluate.MenuEvaluator(compile_case(case, m))

    def bits() -> str:
        words = evaluator(block(case.crossings), scores_of(case), case.neighbours)
        return "".join(str(int(bit)) for bit in m.evaluate.algorithm_bit(words, 7))

    screened = bits()
    evaluator.screen = None
    every = bits()
    return every if screened == every else f"{every}, but {screened} with a screen"
