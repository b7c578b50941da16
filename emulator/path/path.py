"""The trigger path: objects -> model scores -> menu -> prescales -> trigger rules -> level-1 accept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS, Events, layout_of
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import CompiledMenu, External
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.menu.excluded import Excluded, uses_scores
from l1forge.emulator.path.counters import PathReport
from l1forge.emulator.path.decision import Decision, Worked, count_bits, merged_parts
from l1forge.emulator.path.prescale import ALGORITHMS, WORDS, Prescaler, PrescaleSettings
from l1forge.emulator.path.trigger_control import TriggerControl
from l1forge.emulator.scoring.given import GivenScores
from l1forge.emulator.stream.blocks import EMPTY, Block, Recipe

__all__ = ["STAGES", "Decision", "ScoreStage", "TriggerPath"]

STAGES = ("stream", "models", "menu", "decision")


class ScoreStage(Protocol):
    """Anything that computes scores from a block's columns: name of the score to integers of shape (n,)."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it reads."""

    def __call__(self, events: Events) -> dict[str, NDArray[Any]]: ...


class TriggerPath:
    """One trigger: a menu with its models, prescales and trigger control. Feed it one stream, in order.

    Parameters
    ----------
    menu : compiled menu
    models : stages that give the scores the menu names
    settings : prescales and masks; default: every algorithm at prescale 1, in the FinOR
    control : trigger control; default: the four trigger rules
    threads : blocks worked on at the same time
    given : scores that no model of ``models`` computes
    excluded : algorithms of the original menu that ``menu`` lacks, for the report
    """

    def __init__(
        self,
        menu: CompiledMenu,
        models: Sequence[ScoreStage] = (),
        settings: PrescaleSettings | None = None,
        control: TriggerControl | None = None,
        threads: int = 1,
        given: GivenScores | None = None,
        excluded: Sequence[Excluded] = (),
    ) -> None:
        self.menu, self.models, self.threads = menu, tuple(models), threads
        self.given, self.excluded = given, tuple(excluded)
        self._without_given = np.full((WORDS, 1), ~np.uint64(0))
        for algorithm in menu.algorithms:
            if given and uses_scores(menu, algorithm, given.scores):
                self._without_given[algorithm.index >> 6] &= ~np.uint64(1 << (algorithm.index & 63))
        self.evaluator = MenuEvaluator(menu)
        indices = [algorithm.index for algorithm in menu.algorithms]
        self.prescaler = Prescaler(settings or PrescaleSettings.default(indices))
        self.control = control or TriggerControl()
        self._accepted = np.zeros(ALGORITHMS, np.int64)
        self._crossings = self._colliding = self._finor = 0
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._started = 0.0
        self._empty: NDArray[np.uint64] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Event columns that menu and models look at."""
        names = [*self.evaluator.plan.columns, *(c for model in self.models for c in model.columns)]
        if any(isinstance(condition, External) for condition in self.menu.conditions.values()):
            names.append("ext")
        if any(name.startswith("link:") for name in self.evaluator.plan.wide):
            names.append("link")
        return tuple(dict.fromkeys(names))

    @property
    def halo(self) -> int:
        """Neighbouring crossings the menu needs on either side of a block."""
        return self.evaluator.halo

    def run(self, recipes: Iterable[Recipe]) -> Generator[Decision, None, None]:
        """Decide block by block, in order; memory: ``threads + 1`` blocks.

        The stream's recipes must have been made with ``halo=self.halo``. On the first call one block is
        worked on twice, so that compilation does not count as running time.
        """
        if not self._started:
            recipes = self._warm_up(iter(recipes))
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[Future[Worked]] = deque()
            try:
                for recipe in recipes:
                    waiting.append(pool.submit(self._work, recipe))
                    if len(waiting) > self.threads:
                        yield self._decide(waiting.popleft().result())
                while waiting:
                    yield self._decide(waiting.popleft().result())
            finally:
                for future in waiting:
                    future.cancel()

    def _warm_up(self, recipes: Iterator[Recipe]) -> Iterator[Recipe]:
        for first in recipes:
            block = self._work(first).block
            nothing = np.zeros((WORDS, 0), np.uint64)
            Prescaler(self.prescaler.settings)(nothing, block.bx[:0])
            TriggerControl()(np.zeros(0, bool))
            self._started = time.perf_counter()
            yield first
            break
        yield from recipes

    def _work(self, recipe: Recipe) -> Worked:
        timer = _Timer()
        block = recipe()
        timer.lap("stream")
        if block.parts is None:
            around = block.first - block.halo + np.arange(block.events.n)
            scores, known = self._scores(block.events, around)
            timer.lap("models")
            words = self.evaluator(block.events, scores, neighbours="halo")
            self._clear_unknown(words, known[block.halo : block.halo + block.n])
            timer.lap("menu")
            return Worked(block, np.arange(block.n), words, timer.seconds)
        if self._empty is None:
            self._empty = self._empty_words(block.parts[0].events)
        found = []
        for part in block.parts:
            scores, known = self._scores(part.events, block.first + part.places)
            timer.lap("models")
            places, words = self._bits(part.events, scores)
            self._clear_unknown(words, known[places] if self.given else known)
            found.append((places, words))
            timer.lap("menu")
        merged = merged_parts(found, [part.places for part in block.parts], block.n, self._empty)
        timer.lap("menu")
        return Worked(block, *merged, timer.seconds)

    def _bits(
        self, events: Events, scores: dict[str, NDArray[Any]]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Crossings that may have algorithm bits, and these."""
        if self.evaluator.screen is not None:
            return self.evaluator.sparse(events, scores)
        return np.arange(events.n), self.evaluator(events, scores)

    def _clear_unknown(self, words: NDArray[np.uint64], known: NDArray[np.bool_]) -> None:
        """No bits of seeds on given scores where there are none."""
        if self.given:
            words[:, ~known] &= self._without_given

    def scores(self, block: Block) -> dict[str, NDArray[Any]]:
        """Every score of a block that is not sparse, for all crossings of its events."""
        return self._scores(block.events, block.first - block.halo + np.arange(block.events.n))[0]

    def _scores(
        self, events: Events, crossings: NDArray[np.int64]
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Every score, and where the given ones are known; columns that the source lacks are zero."""
        absent = [c for model in self.models for c in model.columns if c not in events]
        if absent:
            events = Events.of_rows({**events, **{c: events.column(c) for c in absent}}, events.n)
        scores: dict[str, NDArray[Any]] = {}
        for model in self.models:
            scores |= model(events)
        if not self.given:
            return scores, np.empty(0, bool)
        found, known = self.given(crossings)
        return scores | found, known

    def _empty_words(self, like: Events) -> NDArray[np.uint64]:
        """Algorithm bits of a crossing without objects, (8, 1); external signals if ``like`` has any."""
        columns = {name: layout_of(name) for name in self.columns if name in like or name in COLUMNS}
        empty = Events({name: np.zeros((slots, 1), dtype) for name, (slots, dtype) in columns.items()}, 1)
        scores, known = self._scores(empty, np.full(1, -1))
        words = self.evaluator(empty, scores)
        self._clear_unknown(words, known)
        return words

    def _decide(self, worked: Worked) -> Decision:
        timer = _Timer()
        block, places = worked.block, worked.places
        bx = ((block.first + places) % ORBIT).astype(np.int16)
        fired, requested = self.prescaler(worked.words, bx)
        finor = np.zeros(block.n, bool)
        finor[places] = requested
        colliding = block.origin != EMPTY
        accept = self.control(finor, colliding)
        self._accepted += count_bits(fired[:, accept[places]])
        self._crossings += block.n
        self._colliding += int(np.count_nonzero(colliding))
        self._finor += int(np.count_nonzero(finor))
        timer.lap("decision")
        for stage, seconds in (worked.seconds | timer.seconds).items():
            self._seconds[stage] += seconds
        return Decision(block, places, worked.words, fired, finor, accept)

    def report(self) -> PathReport:
        """Everything counted so far."""
        return PathReport(
            menu=self.menu.name,
            names={algorithm.index: algorithm.name for algorithm in self.menu.algorithms},
            factors=self.prescaler.settings.factors,
            before=self.prescaler.before,
            after=self.prescaler.after,
            accepted=self._accepted,
            crossings=self._crossings,
            colliding=self._colliding,
            finor=self._finor,
            accounts=self.control.accounts,
            seconds=dict(self._seconds),
            wall=time.perf_counter() - self._started if self._started else 0.0,
            threads=self.threads,
            excluded=self.excluded,
        )


class _Timer:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.thread_time()

    def lap(self, name: str) -> None:
        now = time.thread_time()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now
