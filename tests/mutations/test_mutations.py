"""Seeded variations of each kind of file end in a right answer or one line with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations import campaign
from tests.mutations.worker import complaint

COUNT = dict.fromkeys(("menu-xml", "menu-yaml", "graph", "vector", "parquet"), 200)


@pytest.mark.parametrize("kind", campaign.KINDS)
def test_damaged_files(kind: str) -> None:
    assert campaign.failures(kind, seed=1, count=COUNT.get(kind, 50)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((2, "error: bad.txt: is empty\n", [], 0), ""),
        ((0, "", [Path("out.parquet")], 0), ""),
        ((0, "", [], 0), "nothing written"),
        ((-1, "Traceback (most recent call last)", [], 0), "Traceback"),
        ((1, "error: aborted\n", [], 0), "exit 1"),
        ((2, "error: one\nand another\n", [], 0), "not one line"),
        ((2, "error: " + "a" * 5000 + "\n", [], 0), "characters"),
        ((2, "error: bad.txt: is empty\n", [Path(".out.1.txt")], 0), "left behind"),
        ((2, "error: bad.txt: is empty\n", [], 2 << 30), "2048 MB"),
    ],
)
def test_the_judge_knows_every_bad_end(arguments: tuple[int, str, list[Path], int], said: str) -> None:
    found = complaint(*arguments)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("time.sleep(60)", "7 bits: hangs"),
        ("os.kill(os.getpid(), 11)", "7 bits: process ended with -11"),
        ("print('WRONG 7 Traceback')", "WRONG 7 Traceback"),
        ("sys.exit('no')", "process ended with 1: no"),
    ],
)
def test_the_parent_sees_how_the_worker_ends(
    end: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import os, signal, sys, time\nif sys.argv[3] != '0': print('done'); sys.exit()\n"
    program += f"print('7 bits', flush=True)\nsignal.alarm(1)\n{end}\nprint('done')\n"
    (tmp_path / "worker.py").write_text(program)
    monkeypatch.setattr(campaign, "WORKER", tmp_path / "worker.py")
    (found,) = campaign.failures("graph", seed=1, count=10)
    assert said in found
