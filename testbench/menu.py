"""A menu's Verilog against the emulator's decisions, seed by seed and crossing by crossing.

The emulator is ``emulator.menu.engine``; rows of the project's ports become events for it. Where a menu looks
at neighbouring crossings, crossings are sent without gaps: an idle clock is an empty crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_PHI_BINS, COLUMNS, MUON_PHI_BINS, Events
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.engine.plan import HIGHEST, KIND, LOWER, LOWEST, ROW, UPPER, WIDE, make_plan
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.crossings import LINK, Scores, events_of, rows_of
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Harness
from l1forge.testbench.stimuli import BLOCK as WHOLE
from l1forge.testbench.stimuli import DIRECTED, Block, Plan

if TYPE_CHECKING:
    from l1forge.testbench.directed.menu import DirectedMenu, MenuCoverage

EDGES = "around the limits"
BLOCK, SHOWN = 4096, 8


def menu_emulator(menu: CompiledMenu, project: RtlProject) -> Callable[[Block], NDArray[np.int64]]:
    """The emulator as a function from rows of the ports (n, inputs) to rows of seeds (n, algorithms)."""
    evaluator = MenuEvaluator(menu)

    def run(block: Block) -> NDArray[np.int64]:
        events, scores = events_of(block, project.inputs)
        words = evaluator(events, scores, "none")
        return np.stack([algorithm_bit(words, a.index) for a in menu.algorithms], axis=1).astype(np.int64)

    return run


def neighbours(menu: CompiledMenu) -> bool:
    """Does any seed look at another crossing?"""
    return make_plan(menu).halo > 0


class EdgeValues:
    """Random rows of values around the menu's limits: one below, at, and one above each window's ends."""

    def __init__(self, menu: CompiledMenu, project: RtlProject) -> None:
        edges: dict[str, set[int]] = {}
        plan = make_plan(menu)
        for atom in plan.atoms:
            for low, high in atom.windows:
                edges.setdefault(atom.column, set()).update((low - 1, low, high, high + 1))
        for name, number in plan.wide.items():
            for row in plan.conditions:
                if row[KIND] == WIDE and row[ROW] == number:
                    ends = {row[LOWER], row[UPPER]} - {LOWEST, HIGHEST}
                    edges.setdefault(name, set()).update(end + step for end in ends for step in (-1, 0, 1))
        self.ports = project.inputs
        self.choices = [_choices(port, edges.get(port.node, set())) for port in project.inputs]

    def rows(self, rng: np.random.Generator, n: int) -> Block:
        """Half of the values next to limits, half anywhere; a share of the objects, drawn anew, is absent."""
        rows = np.empty((n, len(self.ports)), np.int64)
        absent: dict[tuple[str, int], NDArray[np.bool_]] = {}
        share = rng.random(n)
        for number, (port, choices) in enumerate(zip(self.ports, self.choices, strict=True)):
            drawn = rng.integers(choices[0], choices[-1] + 1, n)
            values = np.where(rng.random(n) < 0.5, rng.choice(choices, n), drawn)
            key = port.node.partition(".")[0], port.element
            if key not in absent:
                absent[key] = rng.random(n) < share
            rows[:, number] = np.where(absent[key], 0, values)
        return rows

    def scores(self, rng: np.random.Generator, rows: Block) -> Block:
        """``rows`` with drawn values in the columns that no event has: model scores."""
        drawn = self.rows(rng, len(rows))
        known = [port.node in COLUMNS or port.node.startswith((f"{EXTERNAL}.", LINK)) for port in self.ports]
        return np.where(np.array(known), rows, drawn)


def _choices(port: Port, edges: set[int]) -> NDArray[np.int64]:
    """Ascending values of interest; angles stay within a turn."""
    least, most = port.fixed.minimum, port.fixed.maximum
    if port.node.endswith(".phi"):
        most = (MUON_PHI_BINS if port.node == "mu.phi" else CALO_PHI_BINS) - 1
    return np.array(sorted({value for value in edges if least <= value <= most} | {0, least, most}), np.int64)


def edge_blocks(menu: CompiledMenu, project: RtlProject, n: int, seed: int) -> Iterator[Block]:
    """``n`` crossings around the menu's limits, in blocks."""
    values, rng = EdgeValues(menu, project), np.random.default_rng(seed)
    for start in range(0, n, BLOCK):
        yield values.rows(rng, min(BLOCK, n - start))


def event_blocks(
    menu: CompiledMenu, project: RtlProject, blocks: Iterable[Events], seed: int
) -> Iterator[Block]:
    """Real crossings; scores are drawn around the menu's limits, as no model is run here."""
    values, rng = EdgeValues(menu, project), np.random.default_rng(seed)
    for events in blocks:
        nothing: Scores = {
            name: np.zeros((sum(port.node == name for port in project.inputs), events.n), np.int64)
            for name in menu.scores
        }
        yield values.scores(rng, rows_of(events, nothing, project.inputs))


def menu_stimuli(
    menu: CompiledMenu,
    project: RtlProject,
    plan: Plan,
    files: Mapping[str, Iterable[Events]],
    seed: int,
    found: DirectedMenu | None = None,
) -> dict[str, Iterable[Block]]:
    """The blocks of each kind: directed rows first, then ``plan.n`` around the limits, then event files.

    Of the directed rows those that reach a goal are always driven, their variations up to ``plan.n`` in all.
    """
    kinds: dict[str, Iterable[Block]] = {}
    if found is not None:
        kinds[DIRECTED] = _whole_scenes(found, plan.n)
    kinds[EDGES] = edge_blocks(menu, project, plan.n, seed)
    for number, (name, blocks) in enumerate(files.items()):
        kinds[name] = event_blocks(menu, project, blocks, seed + 1 + number)
    return kinds


def _whole_scenes(found: DirectedMenu, n: int) -> Iterator[Block]:
    span = found.span
    last = min(len(found.rows), max(found.base, n - n % span))
    step = WHOLE - WHOLE % span
    for first in range(0, last, step):
        yield found.rows[first : min(first + step, last)]


@dataclass
class MenuOutcome:
    """What a co-simulation of a menu found; ``true`` and ``false``: crossings per seed, by the emulator."""

    menu: str
    circuit: str
    latency: int
    seeds: tuple[str, ...]
    crossings: dict[str, int] = field(default_factory=dict)
    mismatches: int = 0
    missing: int = 0
    misplaced: int = 0
    true: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    examples: list[str] = field(default_factory=list)
    coverage: MenuCoverage | None = None

    @property
    def total(self) -> int:
        """Crossings compared."""
        return sum(self.crossings.values())

    @property
    def passed(self) -> bool:
        """Something was compared, all of it agreed, and every result came when it should."""
        return bool(self.total) and not (self.mismatches or self.missing or self.misplaced)

    @property
    def holes(self) -> list[str]:
        """Seeds that were never true, or never false."""
        return [name for name, count in zip(self.seeds, self.true, strict=True) if count in (0, self.total)]


def cosimulate_menu(
    menu: CompiledMenu,
    project: RtlProject,
    stimuli: Mapping[str, Iterable[Block]],
    *,
    seed: int = 1,
    coverage: MenuCoverage | None = None,
    progress: Callable[[int], None] | None = None,
) -> MenuOutcome:
    """Stream ``stimuli`` through the Verilog of ``menu`` and compare every seed with the emulator.

    Parameters
    ----------
    stimuli
        Name of each kind to its blocks of rows (n, input ports) of consecutive crossings.
    seed
        Of the gaps between crossings, where the menu looks at single crossings only.
    coverage
        Counts what the crossings show of the menu; kept in the outcome.
    progress
        Called with the number of crossings done since the last call.

    Raises
    ------
    InputError
        If a tool is missing or the design does not build.
    """
    names = tuple(port.name for port in project.outputs)
    outcome = MenuOutcome(menu.name, project.circuit, project.latency, names)
    outcome.true, outcome.coverage = np.zeros(len(names), np.int64), coverage
    emulate, gaps = menu_emulator(menu, project), 0.0 if neighbours(menu) else GAP_PROBABILITY
    bench = Harness(verilate(project), seed)
    with closing(bench):
        for kind, blocks in stimuli.items():
            for block in blocks:
                expected = emulate(block)
                got = bench.stream(block, gaps=gaps)
                found = differences(expected, got.outputs)
                outcome.mismatches += found.values
                outcome.missing += found.missing + abs(got.results - len(block))
                outcome.misplaced += got.misplaced
                for row, column, wanted, was in found.listed(SHOWN - len(outcome.examples)):
                    outcome.examples.append(f"{kind} {row}: {names[column]} is {was}, expected {wanted}")
                outcome.crossings[kind] = outcome.crossings.get(kind, 0) + len(block)
                outcome.true += expected.sum(axis=0)
                if coverage is not None:
                    coverage.watch(block)
                if progress is not None:
                    progress(len(block))
    return outcome
