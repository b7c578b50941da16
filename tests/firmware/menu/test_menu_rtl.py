"""Menus as Verilog: every rule of the global trigger, simulated, against emulator and written decisions."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.firmware.menu import generate_menu
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.crossings import rows_of
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import Harness
from l1forge.testbench.menu import cosimulate_menu, edge_blocks, event_blocks
from tests.emulator.menu.cases import CASES, Case
from tests.emulator.menu.crossings import block
from tests.emulator.menu.world import compile_case, modules, scores_of

SLOTS = {"muon_pt.pt": 8}
GROUPS = [("emulator", "any_free"), ("firmware", "any_free"), ("emulator", "none_overlaps")]


def renamed(expression: Any, prefix: str) -> Any:
    if isinstance(expression, str):
        return prefix + expression
    return [expression[0], *(renamed(operand, prefix) for operand in expression[1:])]


def together(cases: Sequence[Case]) -> CompiledMenu:
    """One menu with the seed of every case: algorithm bit i is that of case i."""
    m = modules()
    menus = [compile_case(case, m) for case in cases]
    conditions, algorithms, types = {}, [], {}
    for index, menu in enumerate(menus):
        (algorithm,) = menu.algorithms
        prefix = f"case{index} "
        conditions |= {prefix + name: condition for name, condition in menu.conditions.items()}
        expression = renamed(algorithm.expression, prefix)
        algorithms.append(
            algorithm.model_copy(update={"index": index, "name": f"L1_Case{index}", "expression": expression})
        )
        types |= menu.score_types
    return menus[0].model_copy(
        update={"conditions": conditions, "algorithms": tuple(algorithms), "score_types": types, "notes": ()}
    )


@pytest.mark.parametrize(("judge", "overlap"), GROUPS)
def test_every_rule_decides_as_written(judge: str, overlap: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if (case.judge, case.overlap) == (judge, overlap)]
    menu = together(cases)
    project = generate_menu(menu, tmp_path / "rtl", score_slots=SLOTS)
    rows = []
    for case in cases:
        events = block(case.crossings)
        scores = {name: np.zeros((SLOTS.get(name, 1), events.n), np.int64) for name in menu.scores}
        scores |= {name: np.atleast_2d(values) for name, values in scores_of(case).items()}
        for name, values in scores.items():
            short = SLOTS.get(name, 1) - len(values)
            scores[name] = (
                np.concatenate([values, np.zeros((short, events.n), np.int64)]) if short else values
            )
        rows.append(rows_of(events, scores, project.inputs))
    stimuli = {"cases": rows, "edges": edge_blocks(menu, project, 4096, 1)}
    outcome = cosimulate_menu(menu, project, stimuli)
    assert (outcome.mismatches, outcome.missing, outcome.misplaced, outcome.examples) == (0, 0, 0, [])
    assert outcome.total == sum(map(len, rows)) + 4096
    bench = Harness(verilate(project), 1)
    try:
        for index, (case, crossings) in enumerate(zip(cases, rows, strict=True)):
            if case.neighbours == "none":
                bits = bench.stream(crossings, gaps=0.0).outputs[:, index]
                assert "".join(map(str, bits)) == case.expected, case.name
    finally:
        bench.close()
    constant = 2  # JET0 and TOWERCOUNT0 of the firmware are never false and never true
    assert len(outcome.holes) <= max(constant, len(cases) // 8), outcome.holes


def small(seed: str = "muon threshold is a bin edge") -> CompiledMenu:
    return together([case for case in CASES if case.name == seed])


def broken(project: RtlProject, folder: Path, old: str, new: str) -> RtlProject:
    """A copy of the project with one text of its Verilog changed."""
    shutil.copytree(project.folder, folder)
    changed = 0
    for name in project.files:
        text = (folder / name).read_text()
        if old in text and not changed:
            (folder / name).write_text(text.replace(old, new, 1))
            changed = 1
    assert changed
    return replace(project, folder=folder)


@pytest.mark.parametrize(
    ("old", "new"), [("9'd45", "9'd46"), ("c0 <= |r0", "c0 <= |r0[7:1]"), ("valid[2]", "valid[1]")]
)
def test_a_fault_is_found(old: str, new: str, tmp_path: Path) -> None:
    menu = small()
    project = generate_menu(menu, tmp_path / "rtl")
    faulty = broken(project, tmp_path / "faulty", old, new)
    outcome = cosimulate_menu(menu, faulty, {"edges": edge_blocks(menu, faulty, 2048, 1)})
    assert not outcome.passed
    assert outcome.examples or outcome.misplaced


def test_nothing_compared_is_no_pass(tmp_path: Path) -> None:
    menu = small()
    project = generate_menu(menu, tmp_path / "rtl")
    assert not cosimulate_menu(menu, project, {}).passed


def test_names_and_latency(tmp_path: Path) -> None:
    menu = small()
    project = generate_menu(menu, tmp_path / "rtl")
    assert project.latency == 3
    assert [port.name for port in project.outputs] == ["L1_Case0"]
    assert {port.node for port in project.inputs} == {"mu.pt"}
    assert "// algorithm 0: MU22" in (project.folder / f"{project.name}.v").read_text()
    events = [block([{"mu": [(45,)]}, {}])]
    assert [row.tolist() for row in event_blocks(menu, project, events, 1)] == [[[45] + [0] * 7, [0] * 8]]


def test_a_score_without_a_type_is_refused(tmp_path: Path) -> None:
    menu = next(m for m in map(lambda c: together([c]), CASES) if m.scores)
    with pytest.raises(InputError, match="does not declare the type of this score"):
        generate_menu(menu.model_copy(update={"score_types": {}}), tmp_path / "rtl")
    assert not (tmp_path / "rtl").exists()
    assert all(name in menu.conditions for a in menu.algorithms for name in condition_names(a.expression))


def test_the_netlist_decides_as_the_emulator(tmp_path: Path) -> None:
    from l1forge.studies.menu_firmware import cosimulate_menu as study

    found = study(small(), n=300, netlist=True, folder=tmp_path / "rtl")
    assert found.passed
    assert found.outcome.holes == []
    assert (tmp_path / "rtl-netlist" / "functional.v").is_file()
    assert found.outcome.circuit != found.firmware.project.circuit
