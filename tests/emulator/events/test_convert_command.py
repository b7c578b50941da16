"""`l1forge convert`, run as users run it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.source import open_events

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


def events_of(path: Path) -> Events:
    return Events.concatenate(list(open_events(path).blocks()))


def counted(path: Path, first: int, n: int, name: str = "ett.et") -> Path:
    write_events(path, [Events({name: np.arange(first, first + n, dtype=np.int16)[None]}, n)])
    return path


def test_skip_select_and_split(run: Run, sample: Path, tmp_path: Path) -> None:
    options = ("--skip", 7, "-n", 25, "--select", "mu.pt, jet", "--split", 10)
    code, out, err = run(sample, "-o", tmp_path / "o.parquet", *options, "--json")
    assert code == 0, err
    names = [f"o-{number:04d}.parquet" for number in range(3)]
    assert [(Path(name).name, n) for name, n in json.loads(out)["files"].items()] == [
        (names[0], 10), (names[1], 10), (names[2], 5),
    ]  # fmt: skip
    assert not (tmp_path / "o.parquet").exists()
    whole, parts = events_of(sample), Events.concatenate([events_of(tmp_path / name) for name in names])
    assert set(parts) == {"mu.pt", "jet.et", "jet.eta", "jet.phi", "jet.displaced"}
    for name in parts:
        np.testing.assert_array_equal(parts[name], whole[name][:, 7:32])
    code, _, err = run(sample, "-o", tmp_path / "o.parquet", "--split", 40)
    assert code == 0
    assert "o-0002.parquet is left from an earlier run" in " ".join(err.split())


def test_skipping_over_blocks(run: Run, tmp_path: Path) -> None:
    source = counted(tmp_path / "big.parquet", 0, 3000)
    blocks = [counted(tmp_path / f"{i}.parquet", 1000 * i, 1000) for i in range(3)]
    for inputs in ([source], blocks):
        code, _, err = run(*inputs, "-o", tmp_path / "out.parquet", "--skip", 1500, "-n", 800)
        assert code == 0, err
        assert events_of(tmp_path / "out.parquet")["ett.et"][0].tolist() == list(range(1500, 2300))


@pytest.mark.parametrize("lengths", [(0, 3), (3, 0), (0, 0)])
def test_empty_skims_among_files(run: Run, tmp_path: Path, lengths: tuple[int, int]) -> None:
    import awkward as ak
    import uproot

    def skim(path: Path, n: int) -> Path:
        lists = ak.Array([[1.0]] * n) if n else ak.Array([[1.0]])[:0]
        values = {
            field: ak.values_astype(lists, np.float32) for field in ("pt", "eta", "phi", "bx", "hwQual")
        }
        values["etSumType"] = values["bx"]
        values["bx"] = values["bx"] * 0
        with uproot.recreate(path) as file:
            file["Events"] = {
                f"L1{name}_{field}": array
                for name in ("Mu", "EG", "Tau", "Jet", "EtSum")
                for field, array in values.items()
            }
        return path

    files = [skim(tmp_path / f"{i}.root", n) for i, n in enumerate(lengths)]
    code, out, err = run(*files, "-o", tmp_path / "o.parquet", "--select", "eg.et,htt.et")
    assert code == 0, err
    assert f"{sum(lengths)} crossings" in out
    assert out.count("has no entries") == lengths.count(0)
    assert open_events(tmp_path / "o.parquet").n == sum(lengths)
    assert open_events(tmp_path / "o.parquet").columns == ("eg.et", "htt.et")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.parquet", "--select", "mu.pt,muon"], "--select: the file has no such column or collection"),
        (["in.parquet", "--skip", "50"], "--skip: nothing is left after the crossings skipped (got 50)"),
        (["in.parquet", "--emulated"], "--emulated: only NanoAOD has re-emulated objects"),
        (["in.parquet", "few.parquet"], "few.parquet: mu.phi: has no such column"),
        (["few.parquet", "in.parquet"], "in.parquet: mu.phi: is not a column of"),
    ],
)
def test_what_cannot_be_cut_or_joined(
    run: Run, sample: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    counted(tmp_path / "few.parquet", 0, 10)
    before = sorted(tmp_path.iterdir())
    given = [tmp_path / a if a.endswith(".parquet") else a for a in arguments]
    code, _, err = run(*given, "-o", tmp_path / "out.parquet")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
