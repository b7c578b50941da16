"""What a comparison of a path has shown: counted exactly, holes named, directed crossings in their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.lhc import ORBIT
from l1forge.firmware.path import PathProject
from l1forge.firmware.path.register_map import MASK_BASE, PathRegister
from l1forge.studies import path_firmware
from l1forge.testbench.path import coverage as kinds
from l1forge.testbench.path.coverage import CoverageRow, PathCoverage, merged
from l1forge.testbench.path.planted import FIRST, KEPT, LENGTH, Planted, crossing_numbers, planted
from l1forge.testbench.path.register_model import BothWays, both_ways
from l1forge.testbench.path.stimuli import complete, eventful, quiet, walk
from tests.testbench.path import small
from tests.testbench.path.test_path import judged, outside


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PathProject:
    folder = tmp_path_factory.mktemp("coverage")
    return path_firmware.write_path_firmware(small.write(folder / "in"), folder / "rtl").project


@pytest.fixture(scope="module")
def directed(project: PathProject) -> Planted:
    return planted(project)


def rows(coverage: PathCoverage | None) -> dict[str, CoverageRow]:
    assert coverage is not None
    return {row.kind: row for row in coverage.rows()}


def test_eight_orbits_leave_few_holes(project: PathProject, directed: Planted) -> None:
    # with another seed, orbit marks in a row may empty the section whose counters are read
    scenario = eventful(project, outside(project), small.orbits(8), 6, directed=directed)
    outcome = judged(project, scenario)
    assert (outcome.mismatches, outcome.examples) == (0, [])
    found = rows(outcome.coverage)
    whole = (kinds.SEEDS, kinds.COUNTS, kinds.BITS, kinds.MASKS)
    assert {kind: found[kind].holes for kind in whole} == dict.fromkeys(whole, ())
    assert found[kinds.SEEDS].goals == 20
    assert found[kinds.PHASES].goals == 1 + 3 + 2 + 337 + 10 + 617 + 100
    assert found[kinds.PHASES].reached >= 1000
    assert found[kinds.COUNTS].goals == 9 + 13 + 13  # the small menu reads no taus
    assert found[kinds.COUNTERS].reached > 40
    assert found[kinds.SHUT].reached >= 6
    assert all(
        row.goals - row.reached == len(row.holes) or row.kind == kinds.PHASES for row in found.values()
    )


def test_what_was_not_tried_is_a_hole(project: PathProject) -> None:
    events = complete(small.orbits(1))
    events["htt.et"][:] = 0
    outcome = judged(project, quiet(project, outside(project), events))
    found = rows(outcome.coverage)
    assert "L1_HTT60 True" in found[kinds.SEEDS].holes
    assert found[kinds.BITS].reached == found[kinds.MASKS].reached == found[kinds.COUNTERS].reached == 0
    assert found[kinds.HAPPENED].reached == 0
    assert found[kinds.PHASES].reached == 1  # prescale 1
    assert outcome.coverage is not None
    text = "\n".join(outcome.coverage.lines(2))
    assert "trigger rules in force, by number of accepts: 0 of 16" in text
    assert "not seen: rule_0, 1 accepts, rule_0, 2 accepts and 14 more" in text


def test_drivers_are_merged(project: PathProject) -> None:
    first, second = PathCoverage(project), PathCoverage(project)
    first.see(kinds.SEEDS, "L1_Net True")
    second.see(kinds.SEEDS, "L1_Net False")
    second.phases[200][1] = True
    together = rows(merged([first, second], project))
    assert (together[kinds.SEEDS].reached, together[kinds.PHASES].reached) == (2, 1)
    assert first.to_dict()[0]["reached"] == 1


@pytest.mark.parametrize(
    ("register", "bits", "never"),
    [
        (PathRegister("a", 0, "rw", 3, "", least=0, most=7), 6, ()),
        (PathRegister("a", 0, "rw", 3, "", least=4, most=7), 5, ((2, 0),)),
        (PathRegister("a", 0, "rw", 3, "", least=4, most=7, zero=True), 6, ()),
        (PathRegister("a", 0, "rw", 4, "", bits=0b1010), 6, ((0, 1), (2, 1))),
        (PathRegister("a", 0, "rw", 4, "", least=-8, most=7), 8, ()),
        (PathRegister("a", 0, "rw", 32, "", least=100, most=(1 << 32) - 1, zero=True), 64, ()),
    ],
)
def test_words_that_write_each_bit_both_ways(
    register: PathRegister, bits: int, never: tuple[tuple[int, int], ...]
) -> None:
    found: BothWays = both_ways(register)
    assert all(register.accepts(word) for word in found.words)
    shown = {(bit, word >> bit & 1) for word in found.words for bit in range(register.width)}
    assert set(found.bits) == shown
    assert len(shown) == bits
    assert not shown & set(never)


def test_a_walk_writes_and_reads_every_register(project: PathProject) -> None:
    accesses = walk(project.registers, 7)
    writable = [r for r in project.registers.registers if r.access == "rw" and r.name != "apply"]
    read = {a.address for a in accesses if a.data is None and a.address < MASK_BASE}
    assert read == {r.address for r in writable}
    assert all(a.clock == 7 for a in accesses)


def test_crossing_numbers() -> None:
    reset, marks = np.zeros(3 * ORBIT, bool), np.zeros(3 * ORBIT, bool)
    reset[10:15], marks[2 * ORBIT] = True, True
    numbers = crossing_numbers(reset, marks)
    assert numbers[[0, 9, 15, 16, 15 + ORBIT - 1, 15 + ORBIT]].tolist() == [0, 9, 0, 1, ORBIT - 1, 0]
    assert numbers[[2 * ORBIT - 1, 2 * ORBIT, 2 * ORBIT + 5]].tolist() == [ORBIT - 16, 0, 5]


def test_the_same_rows_first_others_in_turn(project: PathProject, directed: Planted) -> None:
    assert directed.span == 3
    first, second = directed.choice(0), directed.choice(1)
    assert first[:KEPT].tolist() == second[:KEPT].tolist() == list(range(KEPT))
    assert len(first) == len(set(first.tolist())) == LENGTH
    assert not set(first[KEPT:].tolist()) & set(second[KEPT:].tolist())
    scenario = eventful(project, outside(project), small.orbits(1), 5, directed=directed, disturbed=False)
    planted_rows = np.asarray(scenario.events["mu.pt"])[:, FIRST : FIRST + LENGTH]
    assert np.array_equal(planted_rows, np.asarray(directed.events["mu.pt"])[:, first])
    assert np.array_equal(
        scenario.scores["outside.pt"][:, FIRST : FIRST + LENGTH], directed.scores["outside.pt"][:, first]
    )


def test_a_menu_without_rows_to_vary_is_planted(tmp_path: Path) -> None:
    menu = "menu: L1Menu_one\nalgorithms:\n  - {index: 0, name: L1_HTT60, seed: HTT60}\n"
    description = "path: one\nmenu: menu.yaml\norbits_per_section: 2\n"
    made = path_firmware.write_path_firmware(
        small.write(tmp_path / "in", description, menu), tmp_path / "rtl"
    )
    few = planted(made.project)
    assert 0 < len(few.choice(3)) == min(few.events.n, LENGTH)
