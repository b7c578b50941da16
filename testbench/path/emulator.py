"""The emulator of a path with registers: what every output and counter must be, crossing by crossing.

Scores, menu, prescales and trigger control are those of the software path (``emulator.path``). What is added
is time: resets, luminosity sections, and the registers that take effect where a section begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.path.decision import count_bits
from l1forge.emulator.path.path import ScoreStage
from l1forge.emulator.path.prescale import Prescaler
from l1forge.emulator.path.registers import RULE_BITS, RULES
from l1forge.emulator.path.trigger_control import TriggerControl
from l1forge.firmware.path.generate import PathProject
from l1forge.firmware.path.register_map import REASONS
from l1forge.testbench.path.coverage import HAPPENED, WRAP, PathCoverage
from l1forge.testbench.path.register_model import Access, RegisterModel

Scores = dict[str, NDArray[np.int64]]
Rows = NDArray[np.int64]


def score_rows(values: NDArray[Any], objects: int, n: int) -> NDArray[np.int64]:
    """A score as (objects, n): objects that are not there are 0."""
    rows = np.zeros((objects, n), np.int64)
    values = np.atleast_2d(values)
    if len(values) > objects:
        if values[objects:].any():
            raise ValueError("a score of more objects than the path has ports for")
        values = values[:objects]
    rows[: len(values)] = values
    return rows


class PathEmulator:
    """Feed it the crossings in order; it keeps its state.

    Parameters
    ----------
    project
        The path; nothing of its Verilog is looked at but the names of its ports.
    stages
        What computes the scores of the models inside; those of ports come with the crossings.
    coverage
        Counts what the crossings show.
    """

    def __init__(
        self, project: PathProject, stages: Sequence[ScoreStage], coverage: PathCoverage | None = None
    ) -> None:
        self.project, self.stages, self.coverage = project, tuple(stages), coverage
        self.objects = {score.name: len(score.ports) for part in project.parts for score in part.scores}
        self.made = [s.name for part in project.parts if part.project for s in part.scores]
        self.model = RegisterModel(project.registers)
        self.evaluators: dict[tuple[tuple[str, int], ...], MenuEvaluator] = {}
        self.halo = MenuEvaluator(project.menu).halo
        self.sections: list[dict[str, int]] = []
        """What was counted in each section that ended."""
        self._restart()

    def _restart(self) -> None:
        self.model.reset()
        self.bx, self.orbit, self.section, self.orbits = ORBIT - 1, -1, 0, 0
        self.fresh = True
        self.counts = dict.fromkeys((r.name for r in self.project.registers.registers if r.access == "ro"), 0)
        self.prescaler = Prescaler(self.model.taken.settings)
        self.control: TriggerControl = self.model.taken.control()
        self._open_section()

    def _open_section(self) -> None:
        self.control = self.model.taken.control(after=None if self.fresh else self.control)
        self.before, self.after = self.prescaler.before.copy(), self.prescaler.after.copy()
        self.accepted = np.zeros_like(self.before)

    def scores(self, events: Events, given: Scores) -> Scores:
        """Every score of the menu, (objects, n); ``given``: those of ports."""
        found: Scores = {}
        for stage in self.stages:
            for name, values in stage(events).items():
                found[name] = score_rows(values, self.objects[name], events.n)
        return found | given

    def run(
        self,
        events: Events,
        scores: Scores,
        reset: NDArray[np.bool_],
        orbit_start: NDArray[np.bool_],
        log: Sequence[Access],
        answers: Callable[[int, int], None] = lambda word, response: None,
        margin: int = 0,
    ) -> Rows:
        """Outputs (n, decision and score ports) of the crossings of ``events`` but ``margin`` at both ends.

        ``log``: accesses with the clock in which the bus took them, counted from the first crossing behind
        the margin. ``answers`` gets what each must have been answered, in order. Rows of resets are 0.
        """
        n = events.n - 2 * margin
        out = np.zeros((n, len(self._outputs())), np.int64)
        waiting, position = list(log), 0

        def until(clock: int) -> None:
            """Accesses that the bus took before ``clock``."""
            nonlocal position
            while position < len(waiting) and waiting[position].clock < clock:
                access = waiting[position]
                if access.data is None:
                    word, response = self.model.read(access.address, self.counts)
                else:
                    word, response = 0, self.model.write(access.address, access.data, access.strobe)
                answers(word, response)
                if self.coverage is not None:
                    self.coverage.access(access, word, response)
                position += 1

        for first, last in self._stretches(reset, orbit_start, n):
            until(first)
            if reset[first]:
                self._restart()
                continue
            starts = orbit_start[first] or self.fresh or self.bx == ORBIT - 1
            if self.coverage is not None and not (self.fresh or orbit_start[first]) and starts:
                self.coverage.see(HAPPENED, WRAP)
            if starts:
                self._begin_orbit()
            self._segment(events, scores, first, last, margin, out)
        until(n)
        return out

    def _stretches(
        self, reset: NDArray[np.bool_], orbit_start: NDArray[np.bool_], n: int
    ) -> list[tuple[int, int]]:
        """Crossings of one orbit, or of one reset, in a row: [first, end)."""
        found, first = [], 0
        bx, fresh = self.bx, self.fresh
        while first < n:
            if reset[first]:
                end = first + int(np.argmin(reset[first:])) if not reset[first:].all() else n
                found.append((first, end))
                bx, fresh, first = ORBIT - 1, True, end
                continue
            here = 0 if orbit_start[first] or fresh or bx == ORBIT - 1 else bx + 1
            end = min(first + ORBIT - here, n)
            marks = np.flatnonzero(orbit_start[first + 1 : end] | reset[first + 1 : end])
            end = first + 1 + int(marks[0]) if marks.size else end
            found.append((first, end))
            bx, fresh, first = here + end - first - 1, False, end
        return found

    def _begin_orbit(self) -> None:
        """Crossing 0: perhaps of a new section, in which registers take effect."""
        self.bx, self.orbit = -1, self.orbit + 1
        if self.fresh:
            self.fresh = False
            return
        self.orbits += 1
        asked = self.model.wants_section
        if not (asked or self.orbits >= self.model.taken.orbits_per_section):
            return
        self.orbits = 0
        self._close_section()
        self.section += 1
        self.counts["section"] = self.section
        words = self.model.taken_words
        taken = self.model.begin()
        if self.coverage is not None:
            self.coverage.section(self.counts, words, asked, taken)
        if taken:
            self.prescaler = Prescaler(self.model.taken.settings)
        self._open_section()

    def _close_section(self) -> None:
        accounts, registers = self.control.accounts, self.project.registers
        self.counts |= {
            "crossings": accounts.live_crossings,
            "requests": accounts.requests,
            "accepts": accounts.accepts,
        }
        names = self._reasons()
        for kind, found in (("lost", accounts.lost), ("dead", accounts.dead)):
            for reason in REASONS:
                self.counts[f"{kind}_{reason}"] = found[names[reason]] if reason in names else 0
        for name, algorithm in zip(registers.algorithm_names, registers.menu.algorithms, strict=True):
            index = algorithm.index
            self.counts[f"before_{name}"] = int(self.prescaler.before[index] - self.before[index])
            self.counts[f"after_{name}"] = int(self.prescaler.after[index] - self.after[index])
            self.counts[f"accepted_{name}"] = int(self.accepted[index])
        self.sections.append(dict(self.counts))

    def _reasons(self) -> dict[str, str]:
        """Reason of the design to the reason's name in trigger control."""
        names = list(self.control.reasons)
        found = {"buffer": names.pop()}
        if self.model.taken.dead_time:
            found["dead_time"] = names.pop(0)
        return found | {f"rule_{i}": name for i, name in zip(self._rules_used(), names, strict=True)}

    def _rules_used(self) -> list[int]:
        """Places of the rules that are not off."""
        return [i for i in range(RULES) if self.model.taken_words[f"rule_{i}"] & ((1 << RULE_BITS) - 1)]

    def _evaluator(self) -> MenuEvaluator:
        key = tuple(sorted(self.model.taken.thresholds.items()))
        if key not in self.evaluators:
            self.evaluators[key] = MenuEvaluator(self.model.taken.menu(self.project.menu))
        return self.evaluators[key]

    def _segment(self, events: Events, scores: Scores, first: int, last: int, margin: int, out: Rows) -> None:
        n, halo = last - first, self.halo
        low, high = first + margin - halo, last + margin + halo
        window, around = _window(events, scores, low, high)
        words = self._evaluator()(window, around, "halo" if halo else "none")
        bx = (np.arange(self.bx + 1, self.bx + 1 + n) % ORBIT).astype(np.int16)
        settings, counters = self.model.taken.settings, self.prescaler.counters.copy()
        fired, request = self.prescaler(words, bx)
        if self.coverage is not None:
            self.coverage.crossings(words, fired, bx, settings, counters)
        accept = self.control(request)
        self.accepted += count_bits(fired[:, accept])
        self.bx = int(bx[-1])
        columns: dict[str, NDArray[Any]] = {
            "bx": bx,
            "orbit": np.full(n, self.orbit),
            "section": np.full(n, self.section),
        }
        masks = {"finor": settings.finor, "veto": settings.veto}
        for name, flags in masks.items():
            chosen = np.packbits(flags, bitorder="little").view("<u8")
            columns[name] = ((fired & chosen[:, None]) != 0).any(axis=0)
        columns["accept"] = accept
        for place, (node, element) in enumerate(self._outputs()):
            if node in ("algo_before", "algo_after"):
                out[first:last, place] = (words if node == "algo_before" else fired)[element].view(np.int64)
            elif node in columns:
                out[first:last, place] = columns[node]
            else:
                out[first:last, place] = scores[node][element, first + margin : last + margin]

    def _outputs(self) -> list[tuple[str, int]]:
        return [(port.node, port.element) for port in self.project.rtl.outputs if port.node != "axi"]


def _window(events: Events, scores: Scores, low: int, high: int) -> tuple[Events, Scores]:
    """Crossings ``low .. high - 1``; those before the first and behind the last are empty."""
    before, after = max(0, -low), max(0, high - events.n)
    inner = events.rows(max(low, 0), min(high, events.n))
    cut = {name: values[:, max(low, 0) : min(high, events.n)] for name, values in scores.items()}
    if not before and not after:
        return inner, cut
    pad = ((0, 0), (before, after))
    columns = {name: np.pad(np.asarray(inner[name]), pad) for name in inner}
    return Events(columns, high - low), {name: np.pad(values, pad) for name, values in cut.items()}
