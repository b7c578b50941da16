"""`l1forge convert`, run as users run it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emulator.events.objects import COLUMNS, Events
from emulator.events.parquet import write_events
from emulator.events.source import open_events
from l1forge.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["l1forge", "convert", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    data = {
        name: rng.integers(field.minimum, field.maximum + 1, (slots, 50), np.int16)
        for name, (slots, field) in COLUMNS.items()
    }
    write_events(tmp_path / "in.parquet", [Events(data, 50)], {"seed": 4})
    return tmp_path / "in.parquet"


def test_through_every_format_and_back(run: Run, sample: Path, tmp_path: Path) -> None:
    current = sample
    for name in ("a.txt", "b.emp", "c.apx", "d.parquet"):
        code, out, err = run(current, "-o", tmp_path / name, "--json")
        assert code == 0, err
        assert json.loads(out)["crossings"] == 50
        current = tmp_path / name
    code, out, _ = run(sample, "-o", tmp_path / "e.parquet", "--layout", "dense")
    assert code == 0
    assert "50 crossings" in out
    assert open_events(tmp_path / "e.parquet").metadata["seed"] == 4
    (start,), (end,) = open_events(sample).blocks(), open_events(current).blocks()
    for name in COLUMNS:
        np.testing.assert_array_equal(start[name], end[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.parquet", "-o", "out.xyz"], "cannot tell what format"),
        (["nothing", "-o", "out.parquet"], "No such file"),
        (["cut", "-o", "out.parquet"], "not a readable parquet file"),
        (["in.parquet", "-o", "missing/out.parquet"], "folder does not exist"),
        (["in.parquet", "-o", "out.txt", "--columns", "50"], "60 or 48"),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(
    run: Run, sample: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "cut").write_bytes(sample.read_bytes()[:999])
    before = sorted(tmp_path.iterdir())
    code, _, err = run(*(a if a.startswith("-") or a.isdigit() else tmp_path / a for a in arguments))
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before
