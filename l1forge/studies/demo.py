"""The numbers of `l1forge demo`: speed and rates of the anomaly trigger, and the proof of its Verilog."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import RtlProject
    from l1forge.testbench.outcome import Report

RATES_KHZ = (1.0, 10.0, 30.0)
REPEATS = 7


def score_samples(graph: Graph, score: str, say: Callable[[str], None]) -> tuple[float, dict[str, Any]]:
    """Events per second with the sample in memory, and the rate study of ``score`` on the committed sample.

    ``say`` gets one line for each file.
    """
    from l1forge.emulator.events.formats.parquet import read_events
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.kernel import compile_graph
    from l1forge.emulator.rates.study import study
    from l1forge.simulation import SAMPLE
    from l1forge.simulation.sample import N_TRAIN

    kernel = compile_graph(graph, [score])
    scores: dict[str, Any] = {}
    speed = 0.0
    for path in sorted(SAMPLE.glob("*.parquet")):
        events = Events.concatenate(list(read_events(path, columns=kernel.columns)))
        scores[path.stem] = kernel.run(events)[score]
        if path.stem == "zerobias":
            times = []
            for _ in range(REPEATS):
                start = time.perf_counter()
                kernel.run(events)
                times.append(time.perf_counter() - start)
            speed = events.n / statistics.median(times)
        say(f"{path.stem:>10}: {events.n:,} crossings scored")
    background = scores.pop("zerobias")[N_TRAIN:]
    return speed, study(background, scores, RATES_KHZ, graph[score].type.lsb)


def prove(
    graph: Graph, hls: Path, n: int, seed: int, on_crossings: Callable[[int], None]
) -> tuple[RtlProject, Report]:
    """Co-verify the Verilog of ``graph`` and the HLS project ``hls`` with the emulator; keeps no record."""
    from l1forge.testbench.flow import hls_implementation, verify

    extra = {"hls": hls_implementation(hls, graph)}
    return verify(graph, n, extra=extra, seed=seed, progress=on_crossings)
