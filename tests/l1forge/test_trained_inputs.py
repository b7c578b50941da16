"""Commands compare inputs with those of the training: warnings with numbers, --strict, own records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.scoring.trained_inputs import TrainedInputs, record_beside
from l1forge.models import available, graph_path
from l1forge.models.registry import models
from l1forge.simulation import SAMPLE

ZERO_BIAS = SAMPLE / "zerobias.parquet"
TTBAR = SAMPLE / "ttbar.parquet"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def test_every_committed_model_has_a_record_of_its_inputs() -> None:
    recorded = {name for name, model in models().items() if model.inputs is not None}
    assert recorded == set(available())
    for name in recorded:
        assert models()[name].record == record_beside(graph_path(name))
        assert TrainedInputs.load(models()[name].record).model == name


def test_records_are_derived_again_from_the_training_samples(tmp_path: Path) -> None:
    names = ("vae", "tau_id", "eg_iso")
    assert run("train", "inputs", *names, "-o", tmp_path) == 0
    for name in names:
        assert (tmp_path / f"{name}.inputs.json").read_text() == models()[name].record.read_text()
    assert run("train", "inputs", "nothing") == 2


def test_emulate_warns_with_numbers_and_strict_refuses(tmp_path: Path, capsys) -> None:
    assert run("emulate", "vae", TTBAR, "--json", tmp_path / "s.json") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "of 21 inputs of vae differ from training (10,000 events compared with 300,000 of zero bias)" in said
    )
    assert "etm.et[0]: 1.9 % of the values outside 0 .. 428 (here 0 .. 1681)" in said
    summary = json.loads((tmp_path / "s.json").read_text())["inputs"]
    assert summary["compared"] == 10_000
    assert "etm.et[0]" in [found["feature"] for found in summary["differ"]]
    assert run("emulate", "vae", TTBAR, "--strict", "-o", tmp_path / "scores.npz") == 2
    assert (
        "inputs differ from those vae was trained on: tau.et[0]: distributed differently"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "scores.npz").exists()
    assert run("emulate", "vae", ZERO_BIAS, "--strict") == 0
    assert "warning" not in capsys.readouterr().out


def test_a_users_own_model_gets_a_record(tmp_path: Path, capsys) -> None:
    graph = tmp_path / "mine.json"
    shutil.copy(graph_path("vae"), graph)
    events = tmp_path / "few.parquet"
    assert run("convert", ZERO_BIAS, "-n", 4000, "-o", events) == 0
    assert run("emulate", graph, events, "--strict") == 2
    assert "mine.inputs.json: no record of the inputs" in capsys.readouterr().err
    assert run("emulate", graph, events) == 0
    assert "inputs are not compared with training: there is no " in capsys.readouterr().out
    assert run("emulate", graph, events, "--record-inputs") == 0
    record = TrainedInputs.load(tmp_path / "mine.inputs.json")
    assert (record.events, record.sample) == (4000, str(events))
    assert run("emulate", graph, events, "--strict") == 0
    assert run("emulate", graph, TTBAR, "--strict") == 2


def test_arrays_are_compared_too(tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1000, 25), np.int16))
    assert run("emulate", "tau_id", tmp_path / "x.npy") == 0
    assert "inputs of tau_id differ from training (1,000 events compared" in capsys.readouterr().out


def test_path_compares_the_models_of_its_menu(tmp_path: Path, capsys) -> None:
    assert run("path", TTBAR, "-n", 1, "--json", tmp_path / "r.json") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "of 31 inputs of event_bdt differ from training" in said
    assert "of 21 inputs of vae differ from training" in said
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["inputs"]["vae"]["compared"] == 10_000
    assert run("path", TTBAR, "-n", 1, "--strict") == 2
    assert run("path", ZERO_BIAS, "-n", 1, "--strict") == 0


def test_columns_that_a_file_lacks_are_zeros_to_the_model(tmp_path: Path, capsys) -> None:
    write_events(tmp_path / "sums.parquet", [Events({"etm.et": np.full((1, 2000), 40, np.int16)}, 2000)])
    assert run("path", tmp_path / "sums.parquet", "-n", 1, "--strict") == 2
    assert "inputs differ from those" in capsys.readouterr().err
