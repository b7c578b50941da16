"""Single faults in the top of a path: in its own logic only, noticed by the scoreboard, and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.language.load import load_menu
from l1forge.firmware.path import generate_path
from l1forge.studies.path_control import control_path
from l1forge.testbench.faults import run_campaign
from l1forge.testbench.faults.campaign import EQUIVALENT
from l1forge.testbench.faults.journal import Journal
from l1forge.testbench.faults.kinds import CONSTANT, ENTRY, LATE, STUCK_0, STUCK_1, Fault, places
from l1forge.testbench.faults.netlist import Netlist
from l1forge.testbench.faults.path import PathSubject
from l1forge.testbench.faults.proof import prove_step
from l1forge.testbench.path.stimuli import complete, eventful, with_externals
from tests.testbench.path import small

pytestmark = pytest.mark.xdist_group("rtl")

MENU = """
menu: L1Menu_two
algorithms:
  - {index: 0, name: L1_A, seed: MU3}
  - {index: 1, name: L1_B, seed: JET30}
"""


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> PathSubject:
    folder = tmp_path_factory.mktemp("control")
    (folder / "menu.yaml").write_text(MENU)
    description, menu = control_path(load_menu(folder / "menu.yaml"), folder / "menu.yaml")
    project = generate_path(description, menu, {}, folder / "path", folder / "parts")
    events = with_externals(complete(small.orbits(8)), menu, 1)
    return PathSubject("control", project, (), eventful(project, [], events, 5))


@pytest.fixture(scope="module")
def netlist(subject: PathSubject, tmp_path_factory: pytest.TempPathFactory) -> Netlist:
    return subject.netlist(tmp_path_factory.mktemp("netlist"))


def test_faults_are_noticed_and_kept(subject: PathSubject, tmp_path: Path) -> None:
    done: list[int] = []
    found = run_campaign(subject, 24, 1, prove=False, kept=tmp_path / "kept", progress=done.append)
    assert (found.crossings, len(found.verdicts)) == (8 * ORBIT, 24)
    assert sum(done) == 24
    assert found.caught >= 20
    assert {v.caught for v in found.verdicts} <= {None, "values", "valid", "bus"}
    # the menu and masks' memory have no faults; a second run simulates nothing
    again: list[int] = []
    assert run_campaign(subject, 24, 1, prove=False, kept=tmp_path / "kept", progress=again.append) == found
    assert again == [24]


def test_places_are_of_the_top_only(netlist: Netlist) -> None:
    boxes = [name for name, cell in netlist.cells.items() if not cell["type"].startswith("$")]
    assert boxes == ["mask_0", "menu"]
    assert not [cells for kind in (STUCK_0, LATE) for cells, *_ in places(netlist, kind) if cells[0] in boxes]
    assert places(netlist, ENTRY) == []  # a memory that is written is no table


def test_a_step_is_proven_or_not(netlist: Netlist, tmp_path: Path) -> None:
    def cell(kind: str, line: str) -> str:
        return next(
            name
            for name, found in netlist.cells.items()
            if found["type"] == kind and line in found["attributes"].get("src", "")
        )

    adder = cell("$add", "path_counter.v")
    constant = next(
        port for port in "AB" if set(netlist.cells[adder]["connections"][port]) <= {"0", "1"} or True
    )
    assert not prove_step(netlist, Fault(STUCK_1, (adder,), "Y", 31), tmp_path)
    assert prove_step(netlist, Fault(CONSTANT, (adder,), constant, value=0), tmp_path)
    assert not prove_step(netlist, Fault(LATE, (adder,), "Y"), tmp_path)


def test_a_journal_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    first = Journal(tmp_path, "key", 3)
    first.verdict(1, "values", 64)
    first.verdict(2, None, 64)
    first.reason(2, EQUIVALENT)
    with (tmp_path / "key.jsonl").open("a") as stream:
        stream.write('{"fault": 9, "caught": null, "crossings": 1}\n{"fault": 3, "cau')
    second = Journal(tmp_path, "key", 3)
    assert second.seen == {1: ("values", 64), 2: (None, 64)}
    assert second.reasons == {2: EQUIVALENT}
    assert Journal(None, "key", 3).seen == {}


def test_rates_of_external_signals(subject: PathSubject) -> None:
    events = complete(small.orbits(1))
    events["ext"][:] = 0
    drawn = with_externals(events, subject.path.menu, 3).column("ext")
    assert not np.asarray(drawn)[1:].any()
    assert 0 < np.count_nonzero(np.asarray(drawn)[0]) < ORBIT
    assert not (np.asarray(drawn)[0] >> np.uint64(2)).any()
