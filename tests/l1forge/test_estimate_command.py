"""`l1forge estimate`: a table, JSON, a warning beyond the calibration, one line for bad input."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.firmware.synth import estimate as firmware
from l1forge.studies.estimate import estimate


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["estimate", *arguments])
    return int(end.value.code or 0)


def test_a_model_is_estimated_and_what_does_not_hold_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tau_id", "--json", str(tmp_path / "e.json")) == 0
    said = capsys.readouterr().out
    assert "error on held-back designs" in said
    assert "routed period" in said
    found = json.loads((tmp_path / "e.json").read_text())
    assert (found["name"], found["latency_clocks"]) == ("tau_id", estimate("tau_id").result.latency_clocks)
    assert 1500 < found["lut"] < 3500  # Yosys: 1989, docs/synthesis.json
    assert found["routed_ns"] > found["delay_ns"]
    assert found["warnings"] == []
    assert run("vae_dense") == 0
    assert "more than twice the largest of the calibration (adders" in capsys.readouterr().out


def test_nothing_is_generated_or_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for name, function in (("rtl.generate", "trace"), ("synth.yosys", "synthesise")):
        monkeypatch.setattr(importlib.import_module(f"l1forge.firmware.{name}"), function, refuse)
    assert estimate("vae").result.lut > 0


def test_operations_that_are_not_counted_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "COUNTED", firmware.COUNTED - {"square"})
    assert estimate("vae_dense").warnings[-1] == "not counted: the logic of square"


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text("{")
    for arguments in (
        ["nobody"],
        [str(tmp_path / "broken.json")],
        ["vae", "--json", str(tmp_path / "no" / "e.json")],
    ):
        assert run(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
