"""Speed of menu evaluation against the same menu in NumPy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.excluded import absent_inputs, without

PEER_CROSSINGS = 4000
ROUNDS = 3


@dataclass(frozen=True)
class BenchResult:
    """Crossings per second: wall time of the kernels and of the peer, and per second of CPU time."""

    kernels: float
    per_core: float
    peer: float
    differences: int
    not_evaluated: int = 0
    """Seeds left out because the events lack external signals or link words."""


def measure(menu: CompiledMenu, events: str | Path, crossings: int, threads: int) -> BenchResult:
    """Best of three rounds each, after one for compilation; scores are zeros.

    Raises
    ------
    InputError
        If the file has no crossings or cannot be read.
    """
    source = open_events(events)
    block = next(iter(source.blocks(block_size=min(crossings, 65536))), None)
    if block is None or not block.n:
        raise InputError("no crossings", file=events)
    menu, left_out = without(menu, absent_inputs(menu, source.columns))
    many = Events.concatenate([block] * -(-crossings // block.n)).select(slice(0, crossings))
    few = block.select(slice(0, min(block.n, PEER_CROSSINGS)))
    evaluate, peer = MenuEvaluator(menu, threads), NumpyMenu(menu)
    words = evaluate(few, _zeros(menu, few))
    wall, cpu, peers = [], [], []
    scores = _zeros(menu, many)
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), time.process_time()
        evaluate(many, scores)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        start = time.perf_counter()
        decisions = peer(few, _zeros(menu, few))
        peers.append(time.perf_counter() - start)
    ours = np.array([algorithm_bit(words, algorithm.index) for algorithm in menu.algorithms])
    return BenchResult(
        many.n / min(wall),
        many.n / min(cpu),
        few.n / min(peers),
        int((ours != decisions).sum()),
        len(left_out),
    )


def _zeros(menu: CompiledMenu, events: Events) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    return {name: np.zeros(events.n, np.int64) for name in menu.scores}
