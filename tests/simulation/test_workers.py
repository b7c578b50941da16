"""Work in several processes: results, interruption within a moment, nothing left running or half written."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from l1forge.simulation.workers import parallel

LONG_S = 60
SCRIPT = f"""
import sys, time
from pathlib import Path
from l1forge.emulator.atomic import atomic_path
from l1forge.simulation.workers import parallel

def piece(number):
    with atomic_path(Path(f"{{number}}.txt")) as temporary:
        temporary.write_text("half")
        if number:
            with open("pipe", "w") as pipe:
                print(number, "begun", file=pipe)
            time.sleep({LONG_S})

if __name__ == "__main__":
    for number, _ in parallel(piece, [(0,), (1,), (2,)], 2):
        print(number, "done", flush=True)
"""
"""Piece 0 is quickly written; the others say that they are half written and take their time."""


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_and_errors(jobs: int) -> None:
    tasks = [(x, 2) for x in range(5)]
    assert dict(parallel(pow, tasks, jobs)) == {x: x * x for x in range(5)}
    with pytest.raises(ZeroDivisionError):
        dict(parallel(divmod, [(1, 1), (1, 0), (2, 1)], jobs))
    assert not multiprocessing.active_children()


def test_who_loses_interest_ends_the_workers() -> None:
    results = parallel(pow, [(x, 2) for x in range(5)], 2)
    next(results)
    results.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_drops_only_what_is_in_work(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process, open(os.open(tmp_path / "pipe", os.O_RDWR)) as pipe:
        assert process.stdout is not None
        assert process.stdout.readline() == "0 done\n"
        begun = ""
        while begun.count("\n") < 2:
            assert select.select([pipe], [], [], LONG_S)[0], process.kill()
            begun += os.read(pipe.fileno(), 100).decode()
        assert sorted(begun.splitlines()) == ["1 begun", "2 begun"]
        start = time.monotonic()
        process.send_signal(number)
        assert process.stdout.read() == ""  # at its end when the workers, who have it too, are gone
        assert time.monotonic() - start < LONG_S / 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "pipe", "script.py"]
