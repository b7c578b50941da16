"""Pools of bright collisions: parts in a fixed order, packed and put back, none begun too late."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from l1forge.simulation import bright_pools
from l1forge.simulation.bright_pools import SHARE, make, pack, tasks, unpack
from l1forge.simulation.pool import PoolPart
from tests.simulation.conftest import write_part


def test_order_of_the_parts(tmp_path: Path) -> None:
    todo = tasks(16, tmp_path)
    assert [part.name for part in todo[:3]] == list(SHARE)
    assert [part.index for part in todo if part.name == "bright8to15"][:4] == [0, 1, 2, 3]
    assert len({part.path for part in todo}) == len(todo)
    assert todo[0].path == tmp_path / "v1-seed16/bright8to15/0000.npz"


def test_nothing_is_begun_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PoolPart, "make", lambda part: write_part(part.path, 1, 0.2))
    part = tasks(16, tmp_path)[0]
    assert make(part, time.time() - 1) == 0
    assert not part.path.exists()
    assert make(part, time.time() + 100) > 0
    assert part.path.exists()


def test_archives_give_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = tasks(16, tmp_path / "made")[:7]
    for k, part in enumerate(parts):
        write_part(part.path, k, 0.2)
    (tmp_path / "out").mkdir()
    files = pack([part.path for part in parts], tmp_path / "made", tmp_path / "out", 1)
    assert len(files) <= bright_pools.FILES
    assert unpack(files, tmp_path / "pools") == 7
    for part in parts:
        copy = tmp_path / "pools" / part.path.relative_to(tmp_path / "made")
        assert copy.read_bytes() == part.path.read_bytes()
    # what finds no room is said
    monkeypatch.setattr(bright_pools, "FILE_BYTES", files[0].stat().st_size - 1)
    pack([part.path for part in parts], tmp_path / "made", tmp_path / "out", 1)
    assert "left out, the file would be too large" in capsys.readouterr().out
