"""How a rate study grows: wall time and memory against events and workers, killed and resumed studies.

``python -m l1forge.benchmarks.rate_scale`` prints the tables of docs/performance.md (``make bench-rates``).
The input is the committed zero-bias sample in the dense layout, under as many names as are needed: hard
links, so that 100 M crossings need no more disk than one copy.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.simulation import SAMPLE

EVENTS = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
KILLED = 20_000_000
DASK = 5_000_000
WORKERS = (1, 2, 4)


@dataclass(frozen=True)
class Ran:
    """A study: crossings, seconds, CPU seconds of it and its workers, most memory in GB, its rates.json."""

    crossings: int
    seconds: float
    cpu_seconds: float
    memory_gb: float
    rates: bytes


class Inputs:
    """The sample under many names, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        source = open_events(SAMPLE / "zerobias.parquet")
        self._whole = folder / "whole.parquet"
        self._rows = write_events(self._whole, source.blocks(), layout="dense")

    def files(self, events: int) -> list[str]:
        """Names of files that hold ``events`` crossings: whole copies, and one that is shorter."""
        copies, rest = divmod(events, self._rows)
        found = []
        for k in range(copies):
            name = self._folder / f"copy{k:04d}.parquet"
            if not name.exists():
                name.hardlink_to(self._whole)
            found.append(str(name))
        if rest:
            name = self._folder / f"first{rest}.parquet"
            if not name.exists():
                rows = open_events(self._whole).part(0, rest)
                write_events(name, rows.blocks(), layout="dense")
            found.append(str(name))
        return found


def command(files: Sequence[str], output: Path, options: Sequence[str]) -> list[str]:
    """The study of the default menu: no search of single crossings, all of them used."""
    names = output.with_suffix(".txt")
    names.write_text("\n".join(files) + "\n")
    study = [sys.executable, "-m", "l1forge", "rates", str(DEFAULT), f"@{names}", "-o", str(output)]
    return [*study, "--no-details", "--trained-on", *options]


def run(files: Sequence[str], events: int, output: Path, options: Sequence[str]) -> Ran:
    """Run a study in a process of its own.

    Raises
    ------
    InputError
        With its last line, if it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    child = subprocess.Popen(
        command(files, output, options), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise InputError(f"study failed: {(said.splitlines() or ['no message'])[-1]}", field="rates")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    rates = (output / "rates.json").read_bytes()
    return Ran(events, seconds, max(cpu, used.ru_utime + used.ru_stime), used.ru_maxrss / 1e6, rates)


def killed(files: Sequence[str], output: Path, options: Sequence[str]) -> int:
    """Kill a study (SIGKILL) when a third of its pieces are counted; returns how many were."""
    kept = output.parent / f".{output.name}.unfinished"
    child = subprocess.Popen(
        command(files, output, options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while child.poll() is None:
        count = len(list(kept.glob("*.npz"))) if kept.is_dir() else 0
        if count >= len(files) // 3:
            child.send_signal(signal.SIGKILL)
            child.wait()
            return count
        time.sleep(0.05)
    raise InputError("study ended before it could be killed", field="rates", value=len(files))


def against_events(inputs: Inputs, folder: Path, events: Sequence[int], threads: int) -> None:
    """Wall time, CPU time and memory for every number of crossings."""
    print("| crossings | wall (s) | CPU (s) | M crossings/s | memory (GB) |\n|--:|--:|--:|--:|--:|")
    for n in events:
        ran = run(inputs.files(n), n, folder / "events", ["--threads", str(threads)])
        speed = n / ran.seconds / 1e6
        row = f"{ran.seconds:.1f} | {ran.cpu_seconds:.1f} | {speed:.2f} | {ran.memory_gb:.2f}"
        print(f"| {n:,} | {row} |", flush=True)


def against_workers(inputs: Inputs, folder: Path, events: int) -> bool:
    """Wall time for Dask workers in this machine; are all results the same, byte for byte?"""
    files = inputs.files(events)
    print(f"\n| Dask workers, {events:,} crossings | wall (s) |\n|--:|--:|")
    results = [run(files, events, folder / "dask", ["--threads", "1"]).rates]
    for workers in WORKERS:
        ran = run(files, events, folder / "dask", ["--dask", f"local:{workers}"])
        results.append(ran.rates)
        print(f"| {workers} | {ran.seconds:.1f} |", flush=True)
    same = len(set(results)) == 1
    print(f"\nrates.json of threads and of {WORKERS} workers: {'the same bytes' if same else 'DIFFERENT'}")
    return same


def after_a_kill(inputs: Inputs, folder: Path, events: int, threads: int) -> bool:
    """Is the JSON of a study that was killed and resumed that of one that was not?"""
    files, options = inputs.files(events), ["--threads", str(threads)]
    count = killed(files, folder / "resumed", options)
    resumed = run(files, events, folder / "resumed", options)
    whole = run(files, events, folder / "whole", options)
    same = resumed.rates == whole.rates
    print(
        f"{events:,} crossings, killed (SIGKILL) after {count} of {len(files)} pieces: resumed in "
        f"{resumed.seconds:.1f} s, uninterrupted {whole.seconds:.1f} s, "
        f"rates.json {'the same bytes' if same else 'DIFFERENT'}",
        flush=True,
    )
    return same


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit code is 1 if any two results that must be the same are not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=EVENTS[-1], help="most crossings")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=("events", "kill", "dask"), help="one of the tables")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = Inputs(folder)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        print(
            f"{os.cpu_count()} cores, {load:.1f} processes running at the start, {options.threads} threads\n"
        )
        fine = True
        if options.only in (None, "events"):
            against_events(inputs, folder, [n for n in EVENTS if n <= options.most], options.threads)
            print()
        if options.only in (None, "kill"):
            fine &= after_a_kill(inputs, folder, min(KILLED, options.most), options.threads)
        if options.only in (None, "dask"):
            fine &= against_workers(inputs, folder, min(DASK, options.most))
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
