"""A menu's Verilog against the emulator's decisions, seed by seed and crossing by crossing.

The emulator is ``emulator.menu.engine``; rows of the project's ports become events for it. Where a menu looks
at neighbouring crossings, crossings are sent without gaps: an idle clock is an empty crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_PHI_BINS, COLUMNS, MUON_PHI_BINS, Events
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.engine.inputs import wide_input
from l1forge.emulator.menu.engine.plan import HIGHEST, KIND, LOWER, LOWEST, ROW, UPPER, WIDE, make_plan
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Harness
from l1forge.testbench.stimuli import Block

Scores = dict[str, NDArray[np.int64]]
LINK = "link:"
BLOCK, SHOWN = 4096, 8


def menu_emulator(menu: CompiledMenu, project: RtlProject) -> Callable[[Block], NDArray[np.int64]]:
    """The emulator as a function from rows of the ports (n, inputs) to rows of seeds (n, algorithms)."""
    evaluator = MenuEvaluator(menu)

    def run(block: Block) -> NDArray[np.int64]:
        events, scores = events_of(block, project.inputs)
        words = evaluator(events, scores, "none")
        return np.stack([algorithm_bit(words, a.index) for a in menu.algorithms], axis=1).astype(np.int64)

    return run


def events_of(block: Block, ports: tuple[Port, ...]) -> tuple[Events, Scores]:
    """Rows of the ports (n, ports) as events and scores."""
    n = len(block)
    columns: dict[str, NDArray[np.generic]] = {"ext": np.zeros((4, n), np.uint64)}
    link = np.zeros((6, n), np.uint32)
    scores: Scores = {}
    for port, values in zip(ports, block.T, strict=True):
        collection, _, rest = port.node.partition(".")
        if port.node in COLUMNS:
            column = columns.setdefault(port.node, np.zeros((COLUMNS[port.node][0], n), np.int16))
            column[port.element] = values
        elif collection == EXTERNAL:
            word, bit = divmod(int(rest), 64)
            columns["ext"][word] |= values.astype(np.uint64) << np.uint64(bit)
        elif port.node.startswith(LINK):
            _to_link(link, port.node, values)
        else:
            size = sum(other.node == port.node for other in ports)
            scores.setdefault(port.node, np.zeros((size, n), np.int64))[port.element] = values
    columns["link"] = link
    return Events(columns, n), scores


def _to_link(link: NDArray[np.uint32], name: str, values: NDArray[np.int64]) -> None:
    """Put a number into the link words, where ``inputs.link_quantity`` finds it."""
    code = values.astype(np.uint32)
    if name == "link:cicada":
        for word in range(4):
            link[word] |= (code >> np.uint32(12 - 4 * word) & np.uint32(0xF)) << np.uint32(28)
    else:
        link[1 if name == "link:zdcm" else 2] |= code


def rows_of(events: Events, scores: Scores, ports: tuple[Port, ...]) -> Block:
    """Events and scores as rows of the ports (n, ports); what the events lack is zero."""
    rows = np.zeros((events.n, len(ports)), np.int64)
    for number, port in enumerate(ports):
        collection, _, rest = port.node.partition(".")
        if port.node in COLUMNS:
            rows[:, number] = events.column(port.node)[port.element]
        elif collection == EXTERNAL:
            word, bit = divmod(int(rest), 64)
            rows[:, number] = (events.column("ext")[word] >> np.uint64(bit)).astype(np.int64) & 1
        elif port.node.startswith(LINK) or port.node in scores:
            rows[:, number] = wide_input(port.node, events, scores)[port.element]
    return rows


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
    progress: Callable[[int], None] | None = None,
) -> MenuOutcome:
    """Stream ``stimuli`` through the Verilog of ``menu`` and compare every seed with the emulator.

    Parameters
    ----------
    stimuli
        Name of each kind to its blocks of rows (n, input ports) of consecutive crossings.
    seed
        Of the gaps between crossings, where the menu looks at single crossings only.
    progress
        Called with the number of crossings done since the last call.

    Raises
    ------
    InputError
        If a tool is missing or the design does not build.
    """
    names = tuple(port.name for port in project.outputs)
    outcome = MenuOutcome(menu.name, project.circuit, project.latency, names)
    outcome.true = np.zeros(len(names), np.int64)
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
                if progress is not None:
                    progress(len(block))
    return outcome
