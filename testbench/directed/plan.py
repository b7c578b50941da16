"""The directed rows of a graph: searched once, reduced to few, kept in the cache by the graph's digest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.folders import cache_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.testbench import stimuli
from l1forge.testbench.directed.bounds import BINARIES, SECONDS, Relaxation
from l1forge.testbench.directed.coverage import Coverage, Watcher
from l1forge.testbench.directed.probes import Probes, probes_of
from l1forge.testbench.directed.search import Search
from l1forge.testbench.directed.trees import Ensemble, Features, PathRows
from l1forge.testbench.stimuli import Block

WORK = 1.5e10  # counted operations of a search: about 20 s
CLOCK = 180.0  # where a search ends on a machine that is too slow for that; said in the notes
SHORT = 0.1  # share of work and time of a search without proofs
PROOF = 90.0  # seconds of all proofs of one graph
ROUNDS = 4  # of walks and descents after the proofs
Progress = Callable[[str], None]


@dataclass
class Directed:
    """Rows (n, input elements) that reach what they can, in random order, and the watcher of their goals."""

    rows: Block
    unreachable: NDArray[np.bool_]
    watcher: Watcher
    notes: list[str]

    def coverage(self) -> Coverage:
        """A new, empty count."""
        count = len(self.watcher.goals)
        return Coverage(
            self.watcher.goals,
            np.zeros(count, bool),
            self.unreachable,
            rows_found=len(self.rows),
            notes=list(self.notes),
        )

    def watch(self, coverage: Coverage, block: Block) -> None:
        """Enter a block that was driven."""
        coverage.reached |= self.watcher.rows_of(block, ~coverage.reached) >= 0
        coverage.crossings += len(block)


def directed(
    graph: Graph,
    seed: int = 1,
    *,
    proofs: bool = True,
    work: float = WORK,
    progress: Progress | None = None,
    cache: bool = True,
) -> Directed:
    """Rows that drive every table, square, comparison, quantiser, argmax and tree of ``graph``.

    Parameters
    ----------
    seed
        Of every random choice; the same graph, seed and work give the same rows, unless the clock (three
        minutes) or the proofs' clock ends the search first, which ``notes`` say.
    proofs
        Also prove by integer programming what cannot be reached, and start from its solutions; a minute
        or two for a network. Without it the search is short, and a result with proofs is used if the
        cache has one.
    work
        Operations that the search may spend (rows tried times operations per row).
    cache
        Keep the result in the cache folder, and take it from there.
    """
    tell = progress or (lambda text: None)
    probes = probes_of(graph)
    ensembles = [Ensemble(graph, node) for node in graph.nodes if node.op == "tree_ensemble"]
    watcher = Watcher(graph, probes, ensembles)

    def features_of(name: str) -> Features:
        return lambda block: watcher.features(block)[name]

    finders = [PathRows(graph, e, stimuli.limits(graph), features_of(e.source.name)) for e in ensembles]
    digest, width = _digest(graph, seed, work), sum(node.size for node in graph.inputs)
    names = [f"{digest}.npz"] if proofs else [f"{digest}.npz", f"{digest}-quick.npz"]
    for name in names if cache else []:
        if kept := _read(cache_folder() / "directed" / name, len(watcher.goals), width):
            return Directed(kept[0], kept[1], watcher, kept[2])
    file = cache_folder() / "directed" / names[-1]
    rows, unreachable, notes = _search(graph, probes, ensembles, finders, seed, work, proofs, tell)
    tell("directed stimuli: choosing rows")
    rows = _few(rows, watcher, np.random.default_rng(seed))
    if cache:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as whole, open(whole, "wb") as stream:
            np.savez_compressed(stream, rows=rows, unreachable=unreachable, notes=np.array(notes, str))
    return Directed(rows, unreachable, watcher, notes)


def _search(
    graph: Graph,
    probes: Probes,
    ensembles: list[Ensemble],
    finders: list[PathRows],
    seed: int,
    work: float,
    proofs: bool,
    tell: Progress,
) -> tuple[Block, NDArray[np.bool_], list[str]]:
    generator = np.random.default_rng(seed)
    notes = [f"not watched: {text}" for text in probes.unwatched]
    parts: list[Block] = []
    unreachable = np.zeros(len(probes.goals), bool)
    if probes.goals:
        share = 1.0 if proofs else SHORT
        search = Search(graph, probes, generator, share * work, share * CLOCK)
        _run(search, proofs, tell, notes)
        parts += search.kept
        unreachable = search.unreachable
        if search.out_of_time:
            limit = f"search ended by the clock after {share * CLOCK:.0f} s"
            notes.append(f"{limit}: rows may differ from run to run")
        elif search.open.any() and search.exhausted:
            notes.append("search ended by its budget of operations")
    for ensemble, finder in zip(ensembles, finders, strict=True):
        never = np.zeros(len(ensemble.goals), bool)
        if finder.elementwise:
            tell(f"directed stimuli: paths of {ensemble.node.name}")
            parts.append(finder.rows(generator))
            never[finder.unreachable] = True
        else:
            notes.append(
                f"{ensemble.node.name}: features depend on several inputs: its paths are not searched"
            )
        unreachable = np.concatenate([unreachable, never])
    count = sum(node.size for node in graph.inputs)
    return np.concatenate([np.zeros((0, count), np.int64), *parts]), unreachable, notes


def _run(search: Search, proofs: bool, tell: Progress, notes: list[str]) -> None:
    """From what is cheap to what is dear."""
    tell("directed stimuli: search")
    search.try_all()
    search.broad()
    search.levels()
    _outwards(search)
    _across(search)
    if not proofs and search.open.any():
        notes.append("bounds not proven (short search); l1forge cosim proves them")
        return
    if search.open.any() and not search.exhausted:
        _prove(search, tell, notes)
    for _ in range(ROUNDS):
        if search.exhausted:
            return
        _across(search)
        _outwards(search)
        remaining = np.flatnonzero(search.open)
        for number, goal in enumerate(search.generator.permutation(remaining)):
            if search.open[goal]:
                tell(f"directed stimuli: {len(remaining) - number:,} goals left")
                search.approach(int(goal), search.nearest(int(goal)))


def _outwards(search: Search) -> None:
    for goal in search.outermost():
        if search.open[goal]:
            search.approach(goal, search.nearest(goal))


def _across(search: Search) -> None:
    """Walks, until three in a row close nothing."""
    idle = 0
    while idle < 3 and not search.exhausted:
        idle = 0 if search.walk() else idle + 1


def _prove(search: Search, tell: Progress, notes: list[str]) -> None:
    """Bounds of the columns whose outermost goals nothing reached, and rows near them as new starts.

    Columns that follow from others (the input of a square from the value before its saturation) are not
    solved again; columns with table entries come first.
    """
    probes, goals = search.probes, search.goals
    wanted: dict[tuple[int, bool], int] = {}  # column and side to how much hangs on it
    for goal in search.outermost():
        column = int(goals.column[goal])
        upper = bool(goals.low[goal] > search.pool_values[:, column].max())
        open_here = search.open & (goals.column == column)
        weight = int(open_here.sum())
        derived = probes.derived.get(column)
        if derived is not None:
            if derived.function(int(probes.low[derived.base])) > derived.function(
                int(probes.high[derived.base])
            ):
                upper = not upper
            column = derived.base
        wanted[column, upper] = wanted.get((column, upper), 0) + weight
    programs: dict[str, Relaxation] = {}
    hopeless: set[str] = set()
    started = time.monotonic()
    order = sorted(wanted, key=lambda key: (-wanted[key], key))
    for number, (column, upper) in enumerate(order):
        place = probes.columns[column]
        if place.margin:
            continue
        left = PROOF - (time.monotonic() - started)
        if left <= 0:
            notes.append(
                f"proofs ended by the clock after {PROOF:.0f} s: {len(order) - number} bounds not tried"
            )
            return
        tell(f"directed stimuli: proving bounds, {number + 1} of {len(order)}")
        if place.quantity not in programs:
            programs[place.quantity] = Relaxation(probes.graph, place.quantity)
        program = programs[place.quantity]
        if place.quantity in hopeless:
            continue
        if not program.solvable:
            text = f"{place.quantity}: more than {BINARIES} decisions before it: bounds not proven"
            if text not in notes:
                notes.append(text)
            continue
        before = int(search.open.sum())
        bound = program.extreme(place.element, upper)
        if bound.limit is not None:
            _exclude_beyond(search, column, upper, bound.limit)
        if bound.stopped and before == int(search.open.sum()):  # the others of this layer are as hard
            hopeless.add(place.quantity)
            notes.append(f"{place.quantity}: bounds not proven in {SECONDS:.0f} s each")
        if bound.row is not None and len(bound.row) == search.pool.shape[1]:
            search.see(bound.row[None], keep=True)
            for goal in search.outermost():
                if int(goals.column[goal]) == column:
                    search.approach(goal, bound.row)


def _exclude_beyond(search: Search, column: int, upper: bool, limit: int) -> None:
    """No value of ``column`` lies beyond ``limit``; an end that was looked for there moves to the limit."""
    pairs = [(column, limit, upper)]
    for other, derived in search.probes.derived.items():
        if derived.base == column:
            inner = derived.function(limit)
            outer = derived.function(int((search.probes.high if upper else search.probes.low)[column]))
            pairs.append((other, inner, outer > inner or (outer == inner and upper)))
    goals = search.goals
    for watched, edge, above in pairs:
        mine = search.open & (goals.column == watched)
        beyond = mine & ((goals.low > edge) if above else (goals.high < edge))
        search.exclude(np.flatnonzero(beyond))


def _few(rows: Block, watcher: Watcher, generator: np.random.Generator) -> Block:
    """Rows without which a goal would not be reached, latest found (hardest) first; then shuffled."""
    rows = np.unique(rows, axis=0) if len(rows) else rows
    rows = rows[generator.permutation(len(rows))]
    wanted = np.ones(len(watcher.goals), bool)
    kept = []
    for first in range(0, len(rows), 1 << 14):
        block = rows[first : first + (1 << 14)]
        found = watcher.rows_of(block, wanted)
        wanted &= found < 0
        kept.append(block[np.unique(found[found >= 0])])
    return np.concatenate([rows[:0], *kept])


def _digest(graph: Graph, seed: int, work: float) -> str:
    """Of everything that decides the result: the circuit, the seed, the work, and this code."""
    bare = Graph(graph.name, graph.nodes, graph.outputs, {})
    state = hashlib.sha256(f"{bare.to_json()} {seed} {work}".encode())
    for source in sorted([*Path(__file__).parent.glob("*.py"), Path(stimuli.__file__)]):
        state.update(source.read_bytes())
    return state.hexdigest()[:24]


def _read(file: Path, goals: int, width: int) -> tuple[Block, NDArray[np.bool_], list[str]] | None:
    """What the cache holds, if it is whole; anything else is searched again."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            rows, unreachable, notes = kept["rows"], kept["unreachable"], [str(t) for t in kept["notes"]]
    except (OSError, ValueError, KeyError, EOFError):
        return None
    if rows.shape[1:] != (width,) or unreachable.shape != (goals,) or rows.dtype != np.int64:
        return None
    return rows, unreachable, notes
