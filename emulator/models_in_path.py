"""Model scores for the menu: fixed-point graphs evaluated on the columns of a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.events.objects import Events
from emulator.graph import Graph
from emulator.kernel import Kernel, compile_graph


class Scorer:
    """The scores of one model that a menu asks for.

    Parameters
    ----------
    name : model name as in the menu
    graph : its graph
    wanted : score names: ``name`` alone (the graph's first output) or ``name.output``

    Raises
    ------
    InputError
        If the graph has no such output.
    """

    def __init__(self, name: str, graph: Graph, wanted: Iterable[str]) -> None:
        self.name = name
        self.outputs: dict[str, str] = {}
        for score in wanted:
            output = score.partition(".")[2] or graph.outputs[0]
            if output not in graph.outputs:
                raise InputError(
                    "the model has no such output",
                    file=graph.file,
                    field="SCORE",
                    value=score,
                    remedy=f"it has {', '.join(graph.outputs)}",
                )
            self.outputs[score] = output
        self.kernel: Kernel = compile_graph(graph, dict.fromkeys(self.outputs.values()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Event columns the model reads."""
        return self.kernel.columns

    def __call__(self, events: Events) -> dict[str, NDArray[Any]]:
        """Raw integers by score name, shape (n,) or (objects, n)."""
        values = self.kernel.run(events, 1)
        return {score: values[output] for score, output in self.outputs.items()}


def load_scorers(scores: Iterable[str], graphs: Mapping[str, Path]) -> list[Scorer]:
    """One scorer for each model that ``scores`` (of a compiled menu) name.

    Raises
    ------
    InputError
        If ``graphs`` lacks a model, or a graph cannot be used.
    """
    wanted: dict[str, list[str]] = {}
    for score in scores:
        wanted.setdefault(score.partition(".")[0], []).append(score)
    scorers = []
    for model, names in wanted.items():
        if model not in graphs:
            known = ", ".join(graphs) or "none"
            raise InputError(
                "the menu needs this model", field="SCORE", value=model, remedy=f"known: {known}"
            )
        scorers.append(Scorer(model, Graph.load(graphs[model]), names))
    return scorers
