"""Speed of a rate study: what reading costs, what the emulator costs on the same input, what the study adds.

``python -m l1forge.benchmarks.rate_study`` prints the tables of docs/performance.md; names of files
measure those.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.format import Layout
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import LHC
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.emulator.path.external_signals import orbit_signals
from l1forge.emulator.rates.sampling import Sampler
from l1forge.simulation import SAMPLE
from l1forge.studies.path_inputs import graph_files
from l1forge.studies.rates_counting import Work

REPEATS = 3


def cpu_ns(work: Callable[[], object], crossings: int) -> float:
    """CPU time of a crossing over all threads, ns: the least of three runs."""
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent) / max(crossings, 1) * 1e9


def default_sampler() -> Sampler:
    """The default menu with its models."""
    menu = load_menu(DEFAULT)
    graphs = graph_files([], sorted({score.partition(".")[0] for score in menu.scores}))
    return Work(menu, graphs, LHC, orbit_signals(menu, LHC).words, None).sampler()


def measure(path: Path, sampler: Sampler) -> dict[str, float]:
    """CPU ns per crossing of each step, and of the study."""
    source = open_events(path)
    n = source.n or 0
    blocks = [events for events, _ in sampler.blocks([source])]
    found = {}
    present = pq.read_schema(path).names if source.format == "parquet" else []
    if present and not any("[" in name for name in present):
        needed = {name for name in source.has(sampler.columns) if name in COLUMNS}
        needed |= {name.partition(".")[0] for name in needed}  # packed: the collection's bytes
        wanted = [name for name in present if name in needed]
        found["Arrow's decoding of these columns alone"] = cpu_ns(lambda: _arrow(path, wanted), n)
    found["reading"] = cpu_ns(lambda: sum(events.n for events, _ in sampler.blocks([source])), n)
    found["emulator, events in memory"] = cpu_ns(lambda: _emulated(sampler, blocks), n)
    found["study, one thread"] = cpu_ns(lambda: sampler.part(source, 1), n)
    return found


def _arrow(path: Path, columns: list[str]) -> None:
    file = pq.ParquetFile(path, memory_map=True)
    for group in range(file.num_row_groups):
        file.read_row_group(group, columns=columns, use_threads=False)


def _emulated(sampler: Sampler, blocks: list[Events]) -> None:
    for events in blocks:
        scores: dict[str, np.ndarray] = {}
        for stage in sampler.stages:
            scores |= stage(events)
        if sampler.evaluator.screen is not None:
            sampler.evaluator.sparse(events, scores)
        else:
            sampler.evaluator(events, scores)


def main(names: list[str]) -> None:
    """Print a table for each file; without names: the zero-bias sample in all layouts."""
    sampler = default_sampler()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(name) for name in names]
        if not paths:
            source: EventSource = open_events(SAMPLE / "zerobias.parquet")
            layouts: tuple[Layout, ...] = ("packed", "dense")
            others = [Path(folder, f"{layout}.parquet") for layout in layouts]
            for layout, other in zip(layouts, others, strict=True):
                write_events(other, source.blocks(), layout=layout)
            paths = [source.path, *others]
        for path in paths:
            found = measure(path, sampler)
            size = path.stat().st_size / max(open_events(path).n or 0, 1)
            print(f"| {path.name}: {open_events(path).n:,} crossings, {size:.0f} B each | CPU ns |")
            print("|---|---:|")
            for step, value in found.items():
                print(f"| {step} | {value:.0f} |")
            whole = found["reading"] + found["emulator, events in memory"]
            part = whole / found["study, one thread"]
            print(f"| speed of the study against reading and emulator | {part:.0%} |")
    print(f"highest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main(sys.argv[1:])
