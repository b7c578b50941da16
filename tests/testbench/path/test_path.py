"""A small trigger path in Verilog against the emulator: everything equal, and every fault is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.path.path import TriggerPath
from l1forge.emulator.path.registers import load_registers
from l1forge.emulator.path.scorers import Scorer
from l1forge.emulator.scoring.given import GivenScores
from l1forge.emulator.stream.blocks import ReplayStream
from l1forge.firmware.path import PathProject
from l1forge.firmware.path.register_map import ARM, MASK_BASE, NEW_SECTION
from l1forge.firmware.tools.lint import lint
from l1forge.studies import path_firmware
from l1forge.testbench.path.cocotb_driver import PathCocotb
from l1forge.testbench.path.emulator import score_rows
from l1forge.testbench.path.harness import Observed, PathHarness
from l1forge.testbench.path.register_model import Access
from l1forge.testbench.path.run import cosimulate
from l1forge.testbench.path.scenario import Scenario
from l1forge.testbench.path.scoreboard import PathOutcome
from l1forge.testbench.path.stimuli import DrawnScores, complete, eventful, quiet
from tests.testbench.path import small

ORBITS = 8


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PathProject:
    folder = tmp_path_factory.mktemp("path")
    return path_firmware.write_path_firmware(small.write(folder / "in"), folder / "rtl").project


def inside(project: PathProject, flip: int = 0) -> list[Scorer]:
    return [Scorer("net", small.network(flip), ["net"], project.menu.score_types)]


def outside(project: PathProject) -> list[DrawnScores]:
    return [DrawnScores(project.menu, ["outside.pt"], {}, 3)]


@pytest.fixture(scope="module")
def scenario(project: PathProject) -> Scenario:
    return eventful(project, outside(project), small.orbits(ORBITS), 5)


def judged(project: PathProject, scenario: Scenario, driver: Any = None, flip: int = 0) -> PathOutcome:
    return cosimulate(project, inside(project, flip), [scenario], driver or PathHarness(project))


def test_everything_is_equal_through_gaps_resets_and_register_changes(
    project: PathProject, scenario: Scenario
) -> None:
    outcome = judged(project, scenario)
    assert (outcome.mismatches, outcome.wrong, outcome.examples) == (0, {}, [])
    assert outcome.passed
    assert outcome.crossings > 0.99 * ORBITS * ORBIT
    assert (outcome.resets, outcome.sections >= 3, outcome.gaps > 400) == (2, True, True)
    assert outcome.registers > 300
    assert outcome.accepts > 100
    assert (outcome.before > 0).all()
    assert (outcome.before < outcome.crossings).all()
    assert (outcome.after > 0).all()
    assert set(outcome.compared) == {port.name for port in project.rtl.outputs if port.node != "axi"}


def test_cocotb_gives_the_same(project: PathProject) -> None:
    short = eventful(project, outside(project), small.orbits(4, 9), 6, every=2, partial=False)
    outcome = judged(project, short, PathCocotb(project))
    assert (outcome.mismatches, outcome.wrong, outcome.examples) == (0, {}, [])
    assert outcome.resets == 2
    assert outcome.registers > 100


def test_blocks_with_margins_give_the_same(project: PathProject) -> None:
    events, margin, size = complete(small.orbits(2)), 2, ORBIT // 2
    scores = outside(project)[0](events)
    whole = quiet(project, [], events)
    pieces = []
    for start in range(0, events.n, size):
        places = np.arange(start - margin, start + size + margin)
        there = (places >= 0) & (places < events.n)
        columns = {
            name: np.where(there, np.asarray(events[name])[:, places % events.n], 0) for name in events
        }
        part = replace(
            whole,
            events=type(events)(columns, places.size),
            scores={
                name: np.where(there, values[:, places % events.n], 0) for name, values in scores.items()
            },
            valid=np.ones(places.size, bool),
            reset=np.zeros(places.size, bool),
            orbit_start=np.zeros(places.size, bool),
        )
        pieces.append(part)
    outcome = cosimulate(project, inside(project), pieces, PathHarness(project), margin=margin)
    assert (outcome.mismatches, outcome.examples) == (0, [])
    assert outcome.crossings == events.n - project.latency + 1


def test_the_software_path_loads_the_same_register_file(project: PathProject, tmp_path: Path) -> None:
    file = tmp_path / "registers.json"
    document = {
        "format": "l1forge-registers",
        "version": 1,
        "prescales": {"L1_SingleJet30": 2.5, "L1_Quiet": 40, "L1_External": 0},
        "veto": {"L1_HTT60": True},
        "finor": {"L1_SingleMu3": False},
        "bx_mask": {"L1_Net": "100-900 3000"},
        "thresholds": {"L1_SingleJet30": 70, "L1_Net": -5},
        "rules": [[1, 4], [3, 50]],
        "dead_time": 2,
        "buffer": [3, 90],
    }
    file.write_text(json.dumps(document))
    values = load_registers(file, project.menu, project.registers.reset)
    events = complete(small.orbits(3, 7))
    for name in events:
        events[name][:, :ORBIT] = 0  # the registers are loaded in an empty orbit
    scores = outside(project)[0](events)
    scores["outside.pt"][:, :ORBIT] = 0
    writes = project.registers.writes(values, page=1)
    accesses = [Access(10, address, word) for address, word in writes]
    accesses.append(Access(10, project.registers.by_name["apply"].address, ARM | NEW_SECTION))
    shown = replace(
        quiet(project, [], events, accesses),
        scores={"outside.pt": score_rows(scores["outside.pt"], 1, events.n)},
    )
    assert judged(project, shown).passed
    seen = PathHarness(project).run(shown.rows(project), shown.valid, shown.reset, accesses)
    places = {port.name: i for i, port in enumerate(p for p in project.rtl.outputs if p.node != "axi")}
    late = slice(ORBIT + project.latency - 1, None)

    own = events.select(slice(ORBIT, None))
    stream = ReplayStream(lambda: [own])
    given = GivenScores({"outside.pt": scores["outside.pt"][:, ORBIT:]})
    given.follow(lambda places: np.where(places < own.n, places, -1))
    path = TriggerPath(
        values.menu(project.menu), inside(project), values.settings, values.control(), given=given
    )
    decisions = list(path.run(stream.recipes(2, 2, path.halo)))
    accept = np.concatenate([decision.accept for decision in decisions])
    fired = np.concatenate([decision.fired for decision in decisions], axis=1).view(np.int64)
    n = len(accept) - project.latency + 1
    assert accept[:n].sum() > 20
    assert np.array_equal(accept[:n], seen.outputs[late, places["accept"]])
    for word in range(8):
        assert np.array_equal(fired[word, :n], seen.outputs[late, places[f"algo_after_{word}"]])


class Faulty:
    """A harness that spoils something on the way."""

    def __init__(self, project: PathProject, fault: str) -> None:
        self.harness, self.project, self.fault = PathHarness(project), project, fault

    def close(self) -> None:
        self.harness.close()

    def run(self, rows: Any, valid: Any, reset: Any, accesses: Sequence[Access] = ()) -> Observed:
        sent = list(accesses)
        if self.fault == "prescale":
            prescale = self.project.registers.by_name["prescale_L1_SingleJet30"].address
            sent = [replace(a, data=a.data ^ 1) if a.address == prescale and a.data else a for a in sent]
        if self.fault == "mask":
            sent = [replace(a, data=0) if a.address >= MASK_BASE and a.data else a for a in sent]
        seen = self.harness.run(rows, valid, reset, sent)
        pairs = iter(zip(sent, accesses, strict=True))  # those that a reset left out are not in the log
        log = tuple(
            replace(a, data=next(b.data for c, b in pairs if (c.address, c.data) == (a.address, a.data)))
            for a in seen.log
        )
        outputs, came, answers = seen.outputs, seen.valid, seen.answers
        if self.fault == "late":
            outputs, came = np.roll(outputs, 1, axis=0), np.roll(came, 1)
        if self.fault == "lost":
            log, answers = log[:-1], answers[:-1]
        return Observed(outputs, came, log, answers, seen.skipped)


@pytest.mark.parametrize(
    ("fault", "told"),
    [("prescale", "algo_after"), ("mask", "algo_after"), ("late", "bx"), ("lost", None), ("none", None)],
)
def test_a_fault_is_told(project: PathProject, scenario: Scenario, fault: str, told: str | None) -> None:
    outcome = judged(project, scenario, Faulty(project, fault))
    assert outcome.passed == (fault == "none")
    if told:
        assert any(name.startswith(told) for name in outcome.wrong)
        assert outcome.examples
    if fault == "late":
        assert outcome.misplaced
    if fault == "lost":
        assert outcome.unanswered == 1


def test_a_flipped_weight_is_told(project: PathProject, scenario: Scenario) -> None:
    outcome = judged(project, scenario, flip=1)
    assert not outcome.passed
    assert outcome.wrong["score_net"]
    assert "score_net is" in " ".join(outcome.examples)


def test_nothing_compared_is_no_pass(project: PathProject) -> None:
    assert not PathOutcome("small_path", "", project.latency).passed


def test_the_verilog_is_clean(project: PathProject) -> None:
    assert lint(project.rtl, generated=["net"]) == []
