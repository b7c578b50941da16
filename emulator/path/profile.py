"""What each seed of a menu costs: its conditions alone, timed on a block of the stream."""

from __future__ import annotations

import time

from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.path.path import TriggerPath
from l1forge.emulator.stream.open import Stream

ROUNDS, ORBITS = 5, 64


def seed_costs(path: TriggerPath, stream: Stream) -> dict[str, float]:
    """CPU nanoseconds per crossing of each seed when it is evaluated alone, best of five.

    Seeds share conditions, so the sum exceeds the cost of the menu.
    """
    block = next(iter(stream.recipes(ORBITS, ORBITS, path.halo)))()
    scores = path.scores(block)
    costs = {}
    for algorithm in path.menu.algorithms:
        names = dict.fromkeys(condition_names(algorithm.expression))
        alone = CompiledMenu(
            name=algorithm.name,
            judge=path.menu.judge,
            conditions={name: path.menu.conditions[name] for name in names},
            algorithms=(algorithm,),
        )
        evaluator = MenuEvaluator(alone)
        evaluate = evaluator if evaluator.screen is None else evaluator.sparse
        times = []
        for _ in range(ROUNDS):
            start = time.thread_time()
            evaluate(block.events, scores)
            times.append(time.thread_time() - start)
        costs[algorithm.name] = min(times) / block.events.n * 1e9
    return costs
