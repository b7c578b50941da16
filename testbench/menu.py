"""A menu's Verilog against the emulator's decisions, seed by seed and crossing by crossing.

The emulator is ``emulator.menu.engine``; rows of the project's ports become events for it. Where a menu looks
at neighbouring crossings, crossings are sent without gaps: an idle clock is an empty crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.engine.inputs import wide_input
from l1forge.emulator.menu.engine.plan import make_plan
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.testbench.stimuli import Block

Scores = dict[str, NDArray[np.int64]]
LINK = "link:"


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
    """For every port the values around its limits: one below, at, and one above each window's ends."""

    def __init__(self, menu: CompiledMenu, project: RtlProject) -> None:
        plan = make_plan(menu)
        edges: dict[str, set[int]] = {}
        for atom in plan.atoms:
            for low, high in atom.windows:
                edges.setdefault(atom.column, set()).update((low - 1, low, high, high + 1))
        for name, number in plan.wide.items():
            for row in plan.conditions:
                if row[6 + 10] == number:
                    edges.setdefault(name, set()).update(
                        limit + step for limit in (row[14], row[15]) for step in (-1, 0, 1)
                        if abs(limit) < 1 << 62
                    )  # fmt: skip
        self.choices = []
        for port in project.inputs:
            least, most = port.fixed.minimum, port.fixed.maximum
            legal = most if not port.node.endswith(".phi") else (575 if port.node == "mu.phi" else 143)
            values = {v for v in edges.get(port.node, set()) if least <= v <= legal} | {0, legal, least}
            self.choices.append(np.array(sorted(values), np.int64))
        self.ports = project.inputs

    def rows(self, rng: np.random.Generator, n: int) -> Block:
        """Random rows: half of the values next to limits, half anywhere; some objects are absent."""
        rows = np.empty((n, len(self.ports)), np.int64)
        absent: dict[tuple[str, int], NDArray[np.bool_]] = {}
        share = rng.random(n)
        for number, (port, choices) in enumerate(zip(self.ports, self.choices, strict=True)):
            near = rng.random(n) < 0.5
            drawn = rng.integers(choices[0], choices[-1] + 1, n)
            values = np.where(near, rng.choice(choices, n), drawn)
            key = port.node.partition(".")[0], port.element
            if key not in absent:
                absent[key] = rng.random(n) < share
            rows[:, number] = np.where(absent[key], 0, values)
        return rows


def edge_blocks(
    menu: CompiledMenu, project: RtlProject, n: int, seed: int, block: int = 4096
) -> Iterator[Block]:
    """``n`` crossings around the menu's limits, in blocks."""
    values, rng = EdgeValues(menu, project), np.random.default_rng(seed)
    for start in range(0, n, block):
        yield values.rows(rng, min(block, n - start))
