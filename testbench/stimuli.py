"""What to drive: real events, corners of every input, seeded random bits. Blocks of integers (n, elements).

Rows for what lies behind the inputs (tables, trees, saturations) are searched by ``testbench.directed``.

Columns are the elements of all input nodes in graph order, as the ports of the RTL are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.reference import evaluate

if TYPE_CHECKING:
    from l1forge.testbench.directed import Directed

Block = NDArray[np.int64]
SAMPLE = Path(__file__).resolve().parents[1] / "simulation" / "sample"
BLOCK = 50_000  # crossings in a block of a plan
DIRECTED = "directed"  # the kind of rows that testbench.directed found
ELEMENTWISE = frozenset({"cast", "scale_bias", "relu", "table", "square", "reshape"})
SCAN = 1 << 12  # values tried per input when looking for the points where a result changes


def limits(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest and largest integer of every input element."""
    types = [node.type for node in graph.inputs for _ in range(node.size)]
    low, high = ([getattr(t, end) for t in types] for end in ("minimum", "maximum"))
    return np.array(low, np.int64), np.array(high, np.int64)


def as_inputs(graph: Graph, block: Block) -> dict[str, Block]:
    """Columns split into the graph's input nodes, each (n, *shape)."""
    inputs, first = {}, 0
    for node in graph.inputs:
        inputs[node.name] = block[:, first : first + node.size].reshape(len(block), *node.shape)
        first += node.size
    return inputs


def random_bits(graph: Graph, n: int, generator: np.random.Generator) -> Block:
    """Uniform over the full range of every input."""
    low, high = limits(graph)
    return generator.integers(low, high, size=(n, len(low)), endpoint=True)


def corners(
    graph: Graph, n: int, generator: np.random.Generator, values: list[NDArray[np.int64]] | None = None
) -> Block:
    """``n`` events from the edges: all-minimum, all-maximum, zero, then every input at its corner values.

    The corner values of an input are its ends, zero, and the neighbourhood (-1, 0, +1 LSB) of every point
    where rounding, saturation, wrapping or a comparison next to the input changes its result. Half of the
    events move one input through them with the rest at random, half draw every input from them.
    ``values``: the result of ``corner_values``, to find it only once.
    """
    low, high = limits(graph)
    values = values or corner_values(graph)
    whole = np.array([low, high, np.clip(0, low, high), np.where(np.arange(len(low)) % 2, low, high)])
    single = random_bits(graph, max(n - len(whole), 0) // 2, generator)
    for i in range(len(single)):
        column = i % len(values)
        choices = values[column]
        single[i, column] = choices[(i // len(values)) % len(choices)]
    drawn = np.stack(
        [generator.choice(choices, max(n - len(whole) - len(single), 0)) for choices in values], axis=1
    )
    return np.concatenate([whole, single, drawn])[:n].astype(np.int64)


def corner_values(graph: Graph) -> list[NDArray[np.int64]]:
    """For each input element, the sorted integers worth trying (see ``corners``)."""
    low, high = limits(graph)
    found = [{int(a), int(b), int(np.clip(0, a, b))} for a, b in zip(low, high, strict=True)]
    first = 0
    for source in graph.inputs:
        for element, value in _edges(graph, source):
            found[first + element].add(value)
        first += source.size
    return [
        np.array(sorted({min(max(v + d, a), b) for v in values for d in (-1, 0, 1)}), np.int64)
        for values, a, b in zip(found, low, high, strict=True)
    ]


def _edges(graph: Graph, source: Node) -> Iterator[tuple[int, int]]:
    """(element, value) where an element-wise function of ``source`` starts or stops changing, or is cut."""
    step = max((source.type.maximum - source.type.minimum) // SCAN, 1)
    scan = np.arange(source.type.minimum, source.type.maximum + 1, step, dtype=np.int64)
    prefix = [source.name]
    for node in graph.nodes:
        if node.op in ELEMENTWISE and node.inputs[0] in prefix and node.size == source.size:
            prefix.append(node.name)
    inputs = {
        n.name: np.broadcast_to(
            scan.reshape(-1, *[1] * len(n.shape)) if n is source else np.int64(0), (len(scan), *n.shape)
        )
        for n in graph.inputs
    }
    results = evaluate(graph.subgraph(prefix), inputs)
    for name in prefix[1:]:
        flat = results[name].reshape(len(scan), -1).astype(np.int64)
        for element in range(source.size):
            changes = np.flatnonzero(np.diff(flat[:, element]))
            for k in changes[[0, -1]] if len(changes) else []:
                yield element, int(scan[k])
                yield element, int(scan[k + 1])
    for tree in (node for node in graph.nodes if node.op == "tree_ensemble" and node.inputs[0] in prefix):
        yield from _cuts(tree, graph[tree.inputs[0]], results[tree.inputs[0]], scan)


def _cuts(tree: Node, features: Node, results: Block, scan: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    flat = results.reshape(len(scan), -1).astype(np.float64) * features.type.lsb
    threshold = tree.constants["threshold"]
    inner = tree.constants["feature"].data >= 0
    pairs = zip(tree.constants["feature"].data[inner], threshold.data[inner], strict=True)
    for element, cut in sorted({(int(f), int(t)) for f, t in pairs}):
        above = flat[:, element] > cut * threshold.type.lsb
        for k in np.flatnonzero(np.diff(above.astype(np.int8))):
            yield element, int(scan[k])
            yield element, int(scan[k + 1])


def real_events(graph: Graph, files: list[Path], n: int, block: int = 1 << 16) -> Iterator[Block]:
    """Up to ``n`` crossings of event files, by the graph's source columns; ``n`` is shared among the files.

    Raises
    ------
    InputError
        If the graph has no sources, or a file lacks a column or holds a value that the input cannot take.
    """
    low, high = limits(graph)
    sources = [text for node in graph.inputs for text in node.attributes.get("source", [""] * node.size)]
    if "" in sources:
        raise InputError("graph has no event columns", field="source", remedy="drive random bits instead")
    columns = sorted({text.partition("[")[0] for text in sources if text != "0"})
    for number, path in enumerate(files):
        left = n * (number + 1) // len(files) - n * number // len(files)
        for events in open_events(path).blocks(columns, block):
            if left <= 0:
                break
            rows = np.zeros((events.n, len(sources)), np.int64)
            for i, text in enumerate(sources):
                if text != "0":
                    name, _, slot = text.partition("[")
                    rows[:, i] = events[name][int(slot.rstrip("]") or 0)]
            if (rows < low).any() or (rows > high).any():
                raise InputError("an event does not fit the graph's input type", file=path)
            yield rows[:left]
            left -= len(rows)


def sample_files(folder: Path = SAMPLE) -> list[Path]:
    """The committed event samples, if they are there."""
    return sorted(folder.glob("*.parquet"))


@dataclass(frozen=True)
class Plan:
    """How many crossings of which kind; the rest of ``n`` is random bits."""

    n: int
    real: float = 0.5
    corner: float = 0.1

    def stimuli(
        self,
        graph: Graph,
        files: list[Path],
        seed: int,
        found: Directed | None = None,
        rows: Block | None = None,
    ) -> dict[str, Iterator[Block]]:
        """The blocks of each kind, reproducible from ``seed``; real events repeat if there are too few.

        ``found``: directed rows, driven first; they take half of what would be random bits at most.
        ``rows``: real inputs (n, elements) of a graph that event files do not feed, in place of them.
        """
        generator = np.random.default_rng(seed)
        has_sources = all("source" in node.attributes for node in graph.inputs)
        real = int(self.n * self.real) if (files and has_sources) or rows is not None else 0
        corner = int(self.n * self.corner)
        rest = self.n - real - corner
        searched = found.rows[: rest // 2] if found is not None else None
        directed_kind = {} if searched is None else {DIRECTED: _blocks(searched)}
        rest -= 0 if searched is None else len(searched)
        return {
            **directed_kind,
            "real": _repeated(graph, files, real) if rows is None else _given(graph, rows, real),
            "corner": _corners(graph, corner, generator),
            "random": _random(graph, rest, generator),
        }


def _blocks(rows: Block) -> Iterator[Block]:
    for first in range(0, len(rows), BLOCK):
        yield rows[first : first + BLOCK]


def _given(graph: Graph, rows: Block, n: int) -> Iterator[Block]:
    low, high = limits(graph)
    if rows.ndim != 2 or rows.shape[1] != len(low) or not len(rows) or ((rows < low) | (rows > high)).any():
        raise ValueError(f"rows of shape {rows.shape} do not fit the inputs of {graph.name}")
    for first in range(0, n, BLOCK):
        yield rows[np.arange(first, min(first + BLOCK, n)) % len(rows)]


def _repeated(graph: Graph, files: list[Path], n: int) -> Iterator[Block]:
    while n > 0:
        before = n
        for block in real_events(graph, files, n, BLOCK):
            yield block[:n]
            n -= len(block)
        if n == before:
            raise InputError("holds no events", file=files[0])


def _corners(graph: Graph, n: int, generator: np.random.Generator) -> Iterator[Block]:
    values = corner_values(graph) if n else []
    for first in range(0, n, BLOCK):
        yield corners(graph, min(BLOCK, n - first), generator, values)


def _random(graph: Graph, n: int, generator: np.random.Generator) -> Iterator[Block]:
    for first in range(0, n, BLOCK):
        yield random_bits(graph, min(BLOCK, n - first), generator)
