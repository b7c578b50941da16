"""Events do not depend on the number of processes or on interruptions; they fit the hardware schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import metadata, read_events
from l1forge.emulator.events.objects import COLUMNS, GENERATED_COLUMNS, Events
from l1forge.simulation import production
from l1forge.simulation.production import Run, chunk_path, make_chunks, simulate, write


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(production, "CHUNK", 4)


def load(path: Path) -> Events:
    return Events.concatenate(list(read_events(path)))


def same(a: Events, b: Events) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def test_events_fit_the_schema_and_are_sorted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "zb.parquet"
    assert simulate(replace(run, pileup=60.0), path) == 12
    events = load(path)
    for name in events:
        field = COLUMNS[name][1]
        assert events[name].min() >= field.minimum, name
        assert events[name].max() <= field.maximum, name
    for name in ("mu.pt", "eg.et", "tau.et", "jet.et"):
        assert (events[name] > 0).any(), name
        assert (np.diff(events[name].astype(int), axis=0) <= 0).all(), name
    for kind in ("mu", "eg", "tau", "jet"):
        absent = events[f"{kind}.pt" if kind == "mu" else f"{kind}.et"] == 0
        for name in events:
            if name.startswith(f"{kind}."):
                assert (events[name][absent] == 0).all(), name
    assert set(np.unique(events["mu.charge"])) <= {0, 2, 3}


def test_metadata_tells_how_to_make_it_again(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "zb.parquet"
    simulate(run, path)
    header = metadata(path)
    assert (header["process"], header["seed"], header["pileup"], header["n"]) == ("zerobias", 3, 20.0, 12)
    assert header["cross_section_mb"] == header["inelastic_mb"] > 70


def test_two_processes_give_the_events_of_one(run: Run, tmp_path: Path) -> None:
    simulate(run, tmp_path / "one.parquet", jobs=1)
    for path in run.work.glob("*.npz"):
        path.unlink()
    simulate(run, tmp_path / "two.parquet", jobs=2)
    assert same(load(tmp_path / "one.parquet"), load(tmp_path / "two.parquet"))


def test_another_seed_gives_other_events(run: Run, tmp_path: Path) -> None:
    simulate(run, tmp_path / "a.parquet")
    simulate(replace(run, seed=4), tmp_path / "b.parquet")
    assert not same(load(tmp_path / "a.parquet"), load(tmp_path / "b.parquet"))


def test_an_interrupted_run_goes_on_where_it_stopped(run: Run, tmp_path: Path) -> None:
    simulate(run, tmp_path / "whole.parquet")
    for path in run.work.glob("*.npz"):
        path.unlink()
    steps = make_chunks(run, 1)
    next(steps)
    steps.close()
    first = chunk_path(run, 0, 4)
    assert [path.name for path in run.work.glob("*.npz")] == [first.name]
    stamp = first.stat().st_mtime_ns
    assert list(make_chunks(run, 1)) == [4, 4]
    assert first.stat().st_mtime_ns == stamp
    write(run, tmp_path / "again.parquet")
    assert same(load(tmp_path / "whole.parquet"), load(tmp_path / "again.parquet"))


def test_a_longer_run_begins_with_the_shorter_one(run: Run, tmp_path: Path) -> None:
    simulate(replace(run, n=8), tmp_path / "short.parquet")
    simulate(run, tmp_path / "long.parquet")
    assert same(load(tmp_path / "short.parquet"), load(tmp_path / "long.parquet").select(slice(0, 8)))


def test_a_damaged_chunk_is_named(run: Run, tmp_path: Path) -> None:
    list(make_chunks(run, 1))
    chunk_path(run, 1, 4).write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="delete it and run again"):
        write(run, tmp_path / "zb.parquet")
    assert not (tmp_path / "zb.parquet").exists()


def test_signal_uses_each_collision_once_and_in_order(run: Run, tmp_path: Path) -> None:
    quiet = replace(run, process="ttbar", pileup=0.0)
    simulate(quiet, tmp_path / "a.parquet")
    simulate(quiet, tmp_path / "b.parquet")
    events = load(tmp_path / "a.parquet")
    assert len(np.unique(events["htt.towercount"])) > 6
    assert same(events, load(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"process": "ttbra"}, "process"),
        ({"n": 0}, "n"),
        ({"pileup": -1.0}, "pileup"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(run: Run, change: dict[str, object], field: str) -> None:
    with pytest.raises(InputError, match=field):
        replace(run, **change)  # type: ignore[arg-type]


def test_unfinished_work_of_other_sources_is_left_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run.work
    monkeypatch.setattr(production, "STAMP", "other")
    assert run.work != before


def test_command_line(run: Run, tmp_path: Path) -> None:
    from l1forge.commands.simulate import app

    output = tmp_path / "zb.parquet"
    arguments = ["-n", "12", "--seed", "3", "--pileup", "20", "--pool-scale", "0.001"]
    result = CliRunner().invoke(app, [*arguments, "--cache", str(run.cache), "-o", str(output)])
    assert result.exit_code == 0, result.output
    simulate(run, tmp_path / "library.parquet")
    assert same(load(output), load(tmp_path / "library.parquet"))
    refused = CliRunner().invoke(
        app, [*arguments, "--cache", str(run.cache), "-o", "no/such/folder/x.parquet"]
    )
    assert isinstance(refused.exception, InputError)


def test_signals_say_what_was_generated(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ttbar.parquet"
    simulate(replace(run, process="ttbar"), path)
    names = [name for name in GENERATED_COLUMNS if name.startswith("gen.")]
    found = Events.concatenate(list(read_events(path, names)))
    pool = production.load("ttbar", 12, 3, run.pools)
    for event in range(12):
        rows = pool.muon[pool.muon_offset[event] : pool.muon_offset[event + 1]]
        prompt = rows[rows[:, 5] == 0]
        expected = prompt[prompt[:, 0].argmax(), :2] if len(prompt) else [np.nan, np.nan]
        np.testing.assert_array_equal([found["gen.mu.pt"][0, event], found["gen.mu.eta"][0, event]], expected)
    assert np.isnan(found["gen.tau.pt"]).all()
    np.testing.assert_array_equal(found["gen.met.pt"][0], pool.met[:12])
    assert not set(load(path)) & set(names)
