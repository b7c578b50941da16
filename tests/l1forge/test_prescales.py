"""`l1forge prescales`: the files of a proposal give the rates that it says; refused options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.prescales import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, QuantityCut, Requirement
from l1forge.studies.prescales import propose_prescales
from l1forge.studies.rates_menu import menu_rates


def menu() -> CompiledMenu:
    jets = {
        name: Combination(legs=(Requirement(type="jet", threshold=code),))
        for name, code in (("j50", 100), ("j100", 200))
    }
    conditions = {**jets, "ht": QuantityCut(quantity="htt", threshold=400)}
    algorithms = tuple(
        Algorithm(index=60 + 2 * i, name=f"L1_{name}", expression=name) for i, name in enumerate(conditions)
    )
    return CompiledMenu(name="m", conditions=conditions, algorithms=algorithms)


def stored(path: Path, n: int, weights: np.ndarray | None = None) -> Path:
    rng = np.random.default_rng(1)
    jets = np.zeros((12, n), np.int16)
    jets[0] = rng.integers(0, 300, n)
    columns = {"jet.et": jets, "htt.et": rng.integers(0, 500, (1, n)).astype(np.int16)}
    if weights is not None:
        columns["weight"] = weights[None]
    write_events(path, [Events(columns, n)])
    return path


@pytest.mark.parametrize("weighted", [False, True])
def test_both_files_give_the_rate_that_is_said(tmp_path: Path, weighted: bool) -> None:
    weights = np.random.default_rng(3).choice([0.5, 1.0, 20.0], 3000) if weighted else None
    path = stored(tmp_path / "zb.parquet", 3000, weights)
    whole = menu_rates(menu(), [path]).finor_before.khz
    study = propose_prescales(menu(), [path], whole / 3)
    assert study.finor_before.khz == pytest.approx(whole)
    assert 0.3 * whole < study.finor_after.khz <= whole / 3
    assert 0 < study.cost < 1
    names = study.save(tmp_path)
    assert set(names) == {"prescales.json", "prescales.csv", "prescales_experiment.csv"}
    for name in ("prescales.csv", "prescales_experiment.csv"):
        again = menu_rates(menu(), [path], prescales=[tmp_path / name])
        assert again.finor_after.khz == pytest.approx(study.finor_after.khz)
        assert [s.prescale for s in again.seeds] == [s.prescale for s in study.seeds]


def test_command_line(tmp_path: Path) -> None:
    path = stored(tmp_path / "zb.parquet", 2000)
    compiled = tmp_path / "m.json"
    compiled.write_text(menu().to_json())
    arguments = [str(compiled), str(path), "-o", str(tmp_path / "out")]
    options = [
        "--group",
        "jets=L1_j*",
        "--group",
        "sums=L1_ht",
        "--weight",
        "sums=3",
        "--minimum",
        "jets=4MHz",
    ]
    result = CliRunner().invoke(app, [*arguments, "--budget", "8MHz", *options, "--keep", "L1_ht=2"])
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "out/prescales.json").read_text())
    assert document["format"] == "l1forge-prescales"
    groups = {group["name"]: group for group in document["groups"]}
    assert groups["jets"]["after_khz"] >= 4000
    assert document["seeds"][2]["prescale"] == 2
    assert document["finor_after"]["khz"] <= 8000
    for extra, message in (
        (["--budget", "0"], "rate expected"),
        (["--budget", "8MHz", "--minimum", "jets"], "rate expected"),
        (["--budget", "8MHz", "--minimum", "tops=1kHz"], "no such group"),
        (["--budget", "8MHz", "--weight", "jets"], "NAME=NUMBER"),
        (["--budget", "8MHz", "--keep", "L1_ht=0.5"], "0 or at least 1"),
        (["--budget", "8MHz", "--keep", "L1_tau*"], "no evaluated seed"),
        (["--budget", "1kHz", "--keep", "*"], "cannot be had"),
    ):
        refused = CliRunner().invoke(app, [*arguments, *extra])
        assert isinstance(refused.exception, InputError), (extra, refused.output)
        assert message in str(refused.exception)
