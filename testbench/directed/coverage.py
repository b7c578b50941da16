"""What lies behind the inputs and was reached: table entries, leaves, cuts, ends of ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.testbench.directed.goals import KINDS, ColumnGoals, Goal
from l1forge.testbench.directed.probes import Probes
from l1forge.testbench.directed.search import column_values
from l1forge.testbench.directed.trees import Ensemble
from l1forge.testbench.stimuli import Block, as_inputs

SHOWN = 20


@dataclass
class Coverage:
    """Goals of all nodes, counted over the crossings that were driven.

    ``reached`` and ``unreachable`` (proven) are per goal; ``rows_found`` rows were made for them, of which
    ``rows_driven`` were driven; ``notes`` say what was not watched or not searched.
    """

    goals: list[Goal]
    reached: NDArray[np.bool_]
    unreachable: NDArray[np.bool_]
    crossings: int = 0
    rows_found: int = 0
    rows_driven: int = 0
    notes: list[str] = field(default_factory=list)

    def merge(self, other: Coverage) -> None:
        """Add what another run on the same graph reached."""
        self.reached |= other.reached
        self.crossings += other.crossings
        self.rows_driven = max(self.rows_driven, other.rows_driven)

    def counts(self, kind: str) -> dict[str, int]:
        """Goals of a kind: all, reached, proven unreachable, and neither."""
        mine = np.array([goal.kind == kind for goal in self.goals], bool)
        reached, never = int(self.reached[mine].sum()), int((self.unreachable & ~self.reached)[mine].sum())
        total = int(mine.sum())
        return {"goals": total, "reached": reached, "unreachable": never, "unproven": total - reached - never}

    def fraction(self, kind: str) -> float | None:
        """Reached of those not proven unreachable; None where the graph has none of this kind."""
        counts = self.counts(kind)
        possible = counts["goals"] - counts["unreachable"]
        return counts["reached"] / possible if possible else None

    def missing(self) -> list[Goal]:
        """Goals neither reached nor proven unreachable."""
        return [self.goals[i] for i in np.flatnonzero(~self.reached & ~self.unreachable)]

    def lines(self) -> list[tuple[str, str]]:
        """Label and text of every kind that the graph has, for console and reports."""
        found = []
        for kind, label in KINDS.items():
            counts = self.counts(kind)
            if not counts["goals"]:
                continue
            possible = counts["goals"] - counts["unreachable"]
            text = f"{counts['reached']:,} of {possible:,}"
            notes = []
            if counts["unreachable"]:
                notes.append(f"{counts['unreachable']:,} proven unreachable")
            if counts["unproven"]:
                notes.append(f"{counts['unproven']:,} not reached (unproven)")
            found.append((label, text + (f"; {', '.join(notes)}" if notes else "")))
        return found

    def notes_of_run(self) -> list[str]:
        """What limits these numbers, one line each."""
        short = self.rows_found - self.rows_driven
        few = [f"{self.rows_driven:,} of {self.rows_found:,} directed rows driven: give a larger -n"]
        return [*self.notes, *(few if short > 0 else [])]

    def report(self) -> list[str]:
        """The lines for a console."""
        return [*(f"{label}: {text}" for label, text in self.lines()), *self.notes_of_run()]

    def to_dict(self) -> dict[str, Any]:
        nodes: dict[str, dict[str, dict[str, int]]] = {}
        for i, goal in enumerate(self.goals):
            entry = nodes.setdefault(goal.node, {}).setdefault(
                goal.kind, {"goals": 0, "reached": 0, "unreachable": 0, "unproven": 0}
            )
            entry["goals"] += 1
            state = "reached" if self.reached[i] else "unreachable" if self.unreachable[i] else "unproven"
            entry[state] += 1
        return {
            **{kind: {**self.counts(kind), "fraction": self.fraction(kind)} for kind in KINDS},
            "text": dict(self.lines()),
            "nodes": nodes,
            "crossings": self.crossings,
            "rows_found": self.rows_found,
            "rows_driven": self.rows_driven,
            "examples_missing": [str(goal) for goal in self.missing()[:SHOWN]],
            "notes": self.notes_of_run(),
        }


class Watcher:
    """Counts which goals blocks of rows reach; evaluates the graph with its probes."""

    def __init__(self, graph: Graph, probes: Probes, ensembles: list[Ensemble]) -> None:
        self.graph, self.probes, self.ensembles = graph, probes, ensembles
        self.goals = [*probes.goals, *(goal for e in ensembles for goal in e.goals)]
        self.columns = ColumnGoals(probes.goals)
        self.kernel = compile_graph(probes.graph) if probes.columns else None
        self.sources = list(dict.fromkeys(e.source.name for e in ensembles))
        self.trees = compile_graph(graph.subgraph(self.sources)) if self.sources else None

    def features(self, block: Block) -> dict[str, Block]:
        """The inputs of the tree ensembles, (n, features) each."""
        if self.trees is None:
            return {}
        results = self.trees.run_rows(as_inputs(self.graph, block))
        return {name: results[name].reshape(len(block), -1) for name in self.sources}

    def rows_of(self, block: Block, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """For every goal a row of ``block`` that reaches it, or -1 (also where it is not ``wanted``)."""
        found = np.full(len(self.goals), -1, np.int64)
        if self.kernel is not None:
            values = column_values(self.kernel, self.probes, self.graph, block)
            goals, rows = self.columns.reached(values, wanted[: len(self.probes.goals)])
            found[goals] = rows
        first = len(self.probes.goals)
        features = self.features(block)
        for ensemble in self.ensembles:
            last = first + len(ensemble.goals)
            rows = ensemble.reached(features[ensemble.source.name], wanted[first:last])
            found[first:last] = np.where(wanted[first:last], rows, -1)
            first = last
        return found
