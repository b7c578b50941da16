"""Model scores for the menu: fixed-point graphs evaluated on the columns of a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel, compile_graph


class Scorer:
    """The scores of one model that a menu asks for.

    Parameters
    ----------
    name : model name as in the menu
    graph : its graph
    wanted : score names: ``name`` alone (the graph's first output) or ``name.output``
    declared : type of each score that the menu declares; its thresholds are integers of these

    Raises
    ------
    InputError
        If the graph has no such output, or one of another type than declared.
    """

    def __init__(
        self, name: str, graph: Graph, wanted: Iterable[str], declared: Mapping[str, str] | None = None
    ) -> None:
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
            if declared and score in declared:
                check_score_type(score, declared[score], graph[output].type, graph.file, output)
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


def check_score_type(
    score: str, declared: str, found: FixedType, file: str | Path | None, output: str
) -> None:
    """Demand that an output's integers mean what the menu's thresholds on ``score`` mean.

    Raises
    ------
    InputError
        If sign, width or binary point of ``found`` is not as declared; how it rounds does not matter.
    """
    wanted = FixedType.parse(declared)
    if (found.signed, found.width, found.integer) != (wanted.signed, wanted.width, wanted.integer):
        raise InputError(
            f"the menu declares {score} as {declared}, and its thresholds are integers of that type",
            file=file,
            field=f"output {output}",
            value=str(found),
            remedy="declare the model's type under scores in the menu, or give a model of the declared type",
        )


def load_scorers(
    scores: Iterable[str], graphs: Mapping[str, Path], declared: Mapping[str, str] | None = None
) -> list[Scorer]:
    """One scorer for each model that ``scores`` (of a compiled menu) name; ``declared``: its ``score_types``.

    Raises
    ------
    InputError
        If ``graphs`` lacks a model, or a graph cannot be used or has scores of other types than declared.
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
        scorers.append(Scorer(model, Graph.load(graphs[model]), names, declared))
    return scorers
