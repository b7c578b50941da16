"""The page about a trigger path: what was run is on it, what was not is said, what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.language.load import load_menu
from l1forge.studies import path_results as results
from l1forge.studies.path_control import CONTROL, control_path
from l1forge.studies.path_report import PathReport, path_report

MENU = """
menu: L1Menu_page
externals: {EXT_A: 4, EXT_B: 7}
algorithms:
  - {index: 3, name: L1_A, seed: EXT_EXT_A}
  - {index: 40, name: L1_B, seed: EXT_EXT_B}
"""
ROW = {"kind": "numbers of objects", "goals": 9, "reached": 8, "holes": ["8 mu"]}
DRIVER = {
    "crossings": 3564,
    "mismatches": 0,
    "values_compared": 71_290,
    "register_answers": 10,
    "sections": 2,
    "accepts": 5,
}


@pytest.fixture
def description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    (tmp_path / "menu.yaml").write_text(MENU)
    (tmp_path / "path.yaml").write_text("path: page_path\nmenu: menu.yaml\n")
    return tmp_path / "path.yaml"


def part(report: PathReport, title: str) -> dict[str, object]:
    (found,) = [p for p in report.to_dict()["parts"] if p["title"].startswith(title)]
    return found


def test_what_was_not_run_is_said(description: Path) -> None:
    report = path_report(description)
    assert part(report, "Co-simulation")["note"] == "not run yet: `l1forge cosim-path`"
    assert part(report, "Fault campaign")["note"] == "not run yet: `l1forge faults`"
    assert part(report, "Proofs")["note"] == "not run yet: `l1forge formal`"
    stages = part(report, "Latency")["rows"]
    assert stages[-1][0] == "trigger rules, accept"
    assert stages[-1][3] == f"{int(stages[-1][2]) * 24.951:.1f}"
    assert dict(part(report, "Design")["rows"])["menu"] == "L1Menu_page, 2 algorithms"


def test_what_was_run_is_there_and_another_design_is_said(description: Path) -> None:
    circuit = dict(part(path_report(description), "Design")["rows"])["circuit"]
    document = {"passed": True, "circuit": circuit, "drivers": {"harness": DRIVER}, "coverage": [ROW]}
    results.keep(results.COSIM, "page_path", document)
    fresh = path_report(description)
    assert part(fresh, "Co-simulation")["rows"] == (("harness", "3,564", "0", "71,280", "10", "2", "5"),)
    assert part(fresh, "Co-simulation")["note"].endswith(": passed")
    assert part(fresh, "What the crossings")["rows"] == (("numbers of objects", "8", "9", "8 mu"),)
    results.keep(results.COSIM, "page_path", {**document, "circuit": "another"})
    assert "of another design" in part(path_report(description), "Co-simulation")["note"]
    page = fresh.html()
    assert '<h2 id="Latency">Latency</h2>' in page
    assert "8 mu" in page
    assert "| numbers of objects | 8 | 9 | 8 mu |" in fresh.markdown()
    json.dumps(fresh.to_dict())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"when": "now"}', '{"when": "now", "drivers": 3}'])
def test_a_damaged_result_is_named(description: Path, text: str) -> None:
    file = results.place(results.COSIM, "page_path")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(InputError, match="is not a result of `l1forge cosim-path`"):
        path_report(description)


def test_trigger_control_has_the_names_and_bits_of_the_menu(description: Path) -> None:
    menu = load_menu(description.with_name("menu.yaml"))
    chosen, bits = control_path(menu, description)
    assert chosen.name == bits.name == CONTROL
    assert [(a.index, a.name) for a in bits.algorithms] == [(3, "L1_A"), (40, "L1_B")]
    assert [c.index for c in bits.conditions.values()] == [0, 1]
    many = menu.model_copy(update={"algorithms": menu.algorithms * 129})
    with pytest.raises(InputError, match="more algorithms than external signals"):
        control_path(many, description)
