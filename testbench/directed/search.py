"""Search for input rows that reach the goals of columns; deterministic from a seed, bounded by counted work.

Values of many rows are cheap (the kernel), so everything is done in blocks: broad sampling; exhaustive trial
where few inputs decide; walks from a row below a goal to a row above it, input by input, then LSB by LSB; and
coordinate descent of the distance to the goal.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.testbench import stimuli
from l1forge.testbench.directed.goals import ColumnGoals
from l1forge.testbench.directed.possible import possible_values
from l1forge.testbench.directed.probes import Probes
from l1forge.testbench.directed.support import supports

Block = NDArray[np.int64]

BATCH = 2048
BROAD = 12  # batches of broad sampling
LEVELLED = 24  # batches of rows with every result of a table equally often
TRIED = 1 << 16  # combinations of input values that are all tried
SETS = 64  # sets of inputs that are tried exhaustively
CANDIDATES = 8  # values tried per input and step of the descent
STEPS = 24  # steps of one descent
WALKS = 32  # walks per block
FINE = 32  # values tried along one input of a walk
POOL = 6000  # rows kept as starts


class Search:
    """Rows found so far, open goals, and the means to close them.

    Attributes
    ----------
    open, unreachable
        Per goal: still wanted; proven to be out of reach (by trying every input that matters).
    kept
        Rows that reached a goal first, in order.
    work, limit
        Counted operations (rows times the graph's size), and where the search ends.
    """

    def __init__(
        self,
        graph: Graph,
        probes: Probes,
        generator: np.random.Generator,
        limit: float,
        seconds: float,
    ) -> None:
        self.graph, self.probes, self.generator, self.limit = graph, probes, generator, limit
        self.deadline = time.monotonic() + seconds
        self.goals = ColumnGoals(probes.goals)
        self.low, self.high = stimuli.limits(graph)
        self.kernel = compile_graph(probes.graph)
        self.cost, self.work = cost(probes.graph), 0.0
        self.open = np.ones(len(probes.goals), bool)
        self.unreachable = np.zeros(len(probes.goals), bool)
        self.kept: list[Block] = []
        self.pool = np.zeros((0, len(self.low)), np.int64)
        self.pool_values = np.zeros((0, len(probes.columns)), np.int64)
        self.corners = stimuli.corner_values(graph)
        structure = supports(probes.graph)
        self.support = [structure[c.quantity][c.element] for c in probes.columns]
        for i, column in enumerate(probes.columns):
            if column.margin:
                self.support[i] = structure[column.quantity].any(axis=0)
        outside = (self.goals.low > probes.high[self.goals.column]) | (
            self.goals.high < probes.low[self.goals.column]
        )
        self.exclude(np.flatnonzero(outside))
        possible = possible_values(probes.graph)
        for index, column in enumerate(probes.columns):
            values = None if column.margin else possible[column.quantity][column.element]
            if values is not None:
                mine = np.flatnonzero(self.goals.column == index)
                first = np.searchsorted(values, self.goals.low[mine])
                none = first >= np.searchsorted(values, self.goals.high[mine], "right")
                self.exclude(mine[none])

    @property
    def out_of_time(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def exhausted(self) -> bool:
        return not self.open.any() or self.work > self.limit or self.out_of_time

    def exclude(self, goals: NDArray[np.int64]) -> None:
        """Enter goals as proven unreachable."""
        self.unreachable[goals] = True
        self.open[goals] = False

    def see(self, block: Block, keep: bool = False) -> Block:
        """Values of all columns (n, columns); hits are entered, with ``keep`` the rows become starts."""
        values = column_values(self.kernel, self.probes, self.graph, block)
        self.work += len(block) * self.cost
        found, rows = self.goals.reached(values, self.open)
        rows = np.unique(rows)
        if len(found):
            self.open[found] = False
            self.kept.append(block[rows])
        if keep or len(rows):
            chosen = slice(None) if keep else rows
            self.pool = np.concatenate([self.pool, block[chosen]])
            self.pool_values = np.concatenate([self.pool_values, values[chosen]])
            if len(self.pool) > POOL:
                self._thin()
        return values

    def _thin(self) -> None:
        """Half of the pool: the rows with the ends of every column, and others at random."""
        ends = np.concatenate([self.pool_values.argmin(axis=0), self.pool_values.argmax(axis=0)])
        others = self.generator.permutation(len(self.pool))[: POOL // 2]
        chosen = np.unique(np.concatenate([ends, others]))
        self.pool, self.pool_values = self.pool[chosen], self.pool_values[chosen]

    def broad(self) -> None:
        """Random bits, corners, and rows whose inputs are small, extreme or zero in varying shares."""
        for number in range(BROAD):
            if self.exhausted:
                return
            if number % 3 == 0:
                block = stimuli.random_bits(self.graph, BATCH, self.generator)
            elif number % 3 == 1:
                block = stimuli.corners(self.graph, BATCH, self.generator, self.corners)
            else:
                block = self._mixed(BATCH)
            self.see(block, keep=number < 3)

    def levels(self) -> None:
        """Rows whose inputs take each result of the tables that they alone decide equally often.

        The rare codes of magnitudes then meet each other, as uniform bits hardly ever make them.
        """
        steps = _steps(self.graph, self.low, self.high)
        if not any(len(choices) for choices in steps):
            return
        for _ in range(LEVELLED):
            if self.exhausted:
                return
            block = stimuli.random_bits(self.graph, BATCH, self.generator)
            for element, choices in enumerate(steps):
                if len(choices):
                    block[:, element] = self.generator.choice(choices, BATCH)
            self.see(block)

    def _mixed(self, n: int) -> Block:
        draw = self.generator
        shape = (n, len(self.low))
        scale = np.exp2(-draw.uniform(0, 12, (n, 1)))
        small = (draw.integers(self.low, self.high, shape, endpoint=True) * scale).astype(np.int64)
        extreme = np.where(draw.random(shape) < draw.random((n, 1)), self.low, self.high)
        rows = np.where(draw.random(shape) < draw.random((n, 1)), small, extreme)
        return np.clip(rows, self.low, self.high)

    def try_all(self) -> None:
        """Columns that few inputs decide: every combination; what is not met then cannot be."""
        sets: dict[bytes, list[int]] = {}
        for column, support in enumerate(self.support):
            sets.setdefault(support.tobytes(), []).append(column)
        singles = [c for c, support in enumerate(self.support) if support.sum() == 1]
        base = np.clip(0, self.low, self.high)
        span = np.minimum(self.high - self.low, TRIED) + 1
        if singles:
            elements = np.unique([int(self.support[c].argmax()) for c in singles])
            elements = elements[span[elements] <= TRIED]
            for first in range(0, int(span[elements].max(initial=0)), BATCH):
                block = np.tile(base, (min(BATCH, int(span[elements].max()) - first), 1))
                offset = first + np.arange(len(block))[:, None]
                block[:, elements] = np.minimum(self.low[elements] + offset, self.high[elements])
                self.see(block)
            self._close([c for c in singles if self.support[c].argmax() in elements])
        several = [s for s in sets.values() if self.support[s[0]].sum() > 1][:SETS]
        for columns in several:
            elements = np.flatnonzero(self.support[columns[0]])
            total = float(np.prod(span[elements].astype(float)))
            if total > TRIED or self.exhausted:
                continue
            for first in range(0, int(total), BATCH):
                numbers = np.arange(first, min(first + BATCH, int(total)))
                digits = np.unravel_index(numbers, [int(span[e]) for e in elements])
                block = np.tile(base, (len(numbers), 1))
                block[:, elements] = np.stack(digits, axis=1) + self.low[elements]
                self.see(block)
            self._close(columns)
        constant = [c for c, support in enumerate(self.support) if not support.any()]
        if constant:
            self.see(base[None])
            self._close(constant)

    def _close(self, columns: list[int]) -> None:
        self.exclude(np.flatnonzero(self.open & np.isin(self.goals.column, columns)))

    def distance(self, goal: int, values: Block) -> Block:
        low, high = self.goals.low[goal], self.goals.high[goal]
        found: Block = np.maximum(np.maximum(low - values, values - high), 0)
        return found

    def nearest(self, goal: int) -> Block:
        """The known row that is nearest to a goal."""
        values = self.pool_values[:, self.goals.column[goal]]
        row: Block = self.pool[int(self.distance(goal, values).argmin())]
        return row

    def approach(self, goal: int, start: Block, steps: int = STEPS) -> None:
        """Coordinate descent of the distance to ``goal`` from ``start``."""
        column = int(self.goals.column[goal])
        elements = np.flatnonzero(self.support[column])
        row, stalled = start.copy(), 0
        best = int(self.distance(goal, self.see(row[None])[0, column]))
        for _ in range(steps):
            if not self.open[goal] or self.exhausted or stalled > 2:
                break
            block, element = self._neighbours(row, elements)
            away = self.distance(goal, self.see(block)[:, column])
            order = np.argsort(away, kind="stable")
            _, first = np.unique(element[order], return_index=True)
            gains = order[np.sort(first)]  # the best change of each input, best first
            gains = gains[away[gains] < best]
            together = np.tile(row, (len(gains), 1))
            for k, change in enumerate(gains):
                together[k:, element[change]] = block[change, element[change]]
            tried, distances = block[order[:1]], away[order[:1]]
            if len(gains) > 1:
                values = self.see(together)[:, column]
                tried = np.concatenate([tried, together])
                distances = np.concatenate([distances, self.distance(goal, values)])
            chosen = int(distances.argmin())
            stalled = 0 if distances[chosen] < best else stalled + 1
            if distances[chosen] <= best:
                row, best = tried[chosen], int(distances[chosen])
        self.see(row[None], keep=True)

    def _neighbours(self, row: Block, elements: Block) -> tuple[Block, Block]:
        """Rows that differ from ``row`` in one input each, and which."""
        draw, count = self.generator, len(elements)
        low, high = self.low[elements], self.high[elements]
        options = np.empty((CANDIDATES, count), np.int64)
        options[0], options[1] = low, high
        options[2:4] = [[draw.choice(self.corners[e]) for e in elements] for _ in range(2)]
        options[4] = draw.integers(low, high, endpoint=True)
        reach = np.exp2(draw.uniform(0, 1, (3, count)) * np.log2(high - low + 1.0)).astype(np.int64)
        options[5:] = row[elements] + reach * draw.choice([-1, 1], (3, count))
        options = np.clip(options, low, high)
        block = np.tile(row, (CANDIDATES * count, 1))
        element = np.tile(elements, CANDIDATES)
        block[np.arange(len(block)), element] = options.ravel()
        return block, element

    def walk(self) -> int:
        """Some open goals between known values: walk across each; how many goals were closed."""
        before = int(self.open.sum())
        lowest, highest = self.pool_values.min(axis=0), self.pool_values.max(axis=0)
        column = self.goals.column
        inside = self.open & (self.goals.low > lowest[column]) & (self.goals.high < highest[column])
        goals = self.generator.permutation(np.flatnonzero(inside))[:WALKS]
        if not len(goals):
            return 0
        starts, ends = [], []
        for goal in goals:
            values = self.pool_values[:, column[goal]]
            starts.append(self._pick(np.flatnonzero(values < self.goals.low[goal]), values, goal))
            ends.append(self._pick(np.flatnonzero(values > self.goals.high[goal]), values, goal))
        a, b = self.pool[starts], self.pool[ends]
        a, b = self._across_inputs(goals, a, b)
        self._across_values(goals, a, b)
        return before - int(self.open.sum())

    def _pick(self, rows: Block, values: Block, goal: int) -> int:
        """Half of the time any row, else one of the nearest."""
        if self.generator.random() < 0.5:
            rows = rows[np.argsort(self.distance(goal, values[rows]), kind="stable")[:8]]
        return int(self.generator.choice(rows))

    def _across_inputs(self, goals: Block, a: Block, b: Block) -> tuple[Block, Block]:
        """Change input after input from ``a`` (below) to ``b`` (above); the two rows around the crossing."""
        width = len(self.low)
        orders = np.stack([self.generator.permutation(width) for _ in goals])
        rank = np.argsort(orders, axis=1)
        length = np.arange(width + 1)
        moved = rank[:, None, :] < length[None, :, None]  # (goals, steps, inputs)
        path = np.where(moved, b[:, None, :], a[:, None, :])
        values = self.see(path.reshape(-1, width)).reshape(len(goals), width + 1, -1)
        for k, goal in enumerate(goals):
            above = values[k, :, self.goals.column[goal]] >= self.goals.low[goal]
            step = max(int(above.argmax()), 1)
            a[k], b[k] = path[k, step - 1], path[k, step]
        return a, b

    def _across_values(self, goals: Block, a: Block, b: Block) -> None:
        """Rows ``a`` and ``b`` differ in one input: narrow it down to neighbouring integers."""
        share = np.arange(FINE + 1)
        while len(goals) and not self.exhausted:
            path = a[:, None, :] + (b - a)[:, None, :] * share[None, :, None] // FINE
            values = self.see(path.reshape(-1, path.shape[-1])).reshape(len(goals), FINE + 1, -1)
            going = []
            for k, goal in enumerate(goals):
                above = values[k, :, self.goals.column[goal]] >= self.goals.low[goal]
                step = max(int(above.argmax()), 1)
                a[k], b[k] = path[k, step - 1], path[k, step]
                going.append(self.open[goal] and np.abs(b[k] - a[k]).max() > 1)
            keep = np.array(going, bool)
            goals, a, b = goals[keep], a[keep], b[keep]

    def outermost(self) -> list[int]:
        """Per column the open goals at its two ends, if nothing known lies beyond them."""
        if not len(self.pool):
            return []
        lowest, highest = self.pool_values.min(axis=0), self.pool_values.max(axis=0)
        found = []
        for column, goals in self.goals.of_column.items():
            wanted = goals[self.open[goals]]
            above = wanted[self.goals.low[wanted] > highest[column]]
            below = wanted[self.goals.high[wanted] < lowest[column]]
            if len(above):
                found.append(int(above[self.goals.low[above].argmax()]))
            if len(below):
                found.append(int(below[self.goals.high[below].argmin()]))
        return found


def _steps(graph: Graph, low: Block, high: Block) -> list[Block]:
    """For every input element, where the tables that it alone decides change their results."""
    structure = supports(graph)
    base = np.clip(0, low, high)
    found: list[set[int]] = [set() for _ in low]
    single = {
        node.name: np.flatnonzero(structure[node.name].any(axis=0))
        for node in graph.nodes
        if node.op == "table" and (structure[node.name].sum(axis=1) == 1).all()
    }
    for name, elements in single.items():
        for element in elements[high[elements] - low[elements] < TRIED]:
            block = np.tile(base, (int(high[element] - low[element]) + 1, 1))
            block[:, element] = np.arange(low[element], high[element] + 1)
            values = evaluate(graph.subgraph([name]), stimuli.as_inputs(graph, block))[name]
            changes = np.any(np.diff(values.reshape(len(block), -1).astype(np.int64), axis=0), axis=1)
            found[element] |= {
                int(low[element]),
                *(int(v) + 1 + int(low[element]) for v in np.flatnonzero(changes)),
            }
    return [np.array(sorted(values), np.int64) for values in found]


def cost(graph: Graph) -> float:
    """Operations per row: multiplications of the dense nodes, and elements."""
    total = 0
    for node in graph.nodes:
        total += node.size
        if node.op == "dense":
            total += node.size * node.constants["weight"].data.shape[0]
    return float(total)


def column_values(kernel, probes: Probes, graph: Graph, block: Block) -> Block:  # type: ignore[no-untyped-def]
    """The quantities (n, columns) of a block of rows."""
    results = kernel.run_rows(stimuli.as_inputs(graph, block))
    flat: dict[tuple[str, bool], Block] = {}
    parts = np.empty((len(block), len(probes.columns)), np.int64)
    for i, column in enumerate(probes.columns):
        key = column.quantity, column.margin
        if key not in flat:
            values = results[column.quantity].reshape(len(block), -1)
            flat[key] = margins(values) if column.margin else values
        parts[:, i] = flat[key][:, column.element]
    return parts


def margins(values: Block) -> Block:
    """Each element less the largest of the others, shape (n, elements)."""
    if values.shape[1] == 1:
        return values
    order = np.sort(values, axis=1)
    largest, second = order[:, -1:], order[:, -2:-1]
    alone = (values == largest).sum(axis=1, keepdims=True) == 1
    found: Block = values - np.where((values == largest) & alone, second, largest)
    return found
