"""Is a graph monotone in some of its inputs: a proof on the integers, a counterexample, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.monotone import Proof, Question, named_elements, prove
from l1forge.emulator.monotone.question import FALLING, RISING, parse_direction, parse_range

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph

EXIT = {"monotone": 0, "not monotone": 1, "not decided": 3}
"""Exit code of each verdict."""


@dataclass(frozen=True)
class Monotone:
    """The verdict on one graph; ``declared`` are the inputs in words, with their directions."""

    graph: str
    declared: tuple[str, ...]
    outputs: tuple[str, ...]
    proof: Proof

    @property
    def exit_code(self) -> int:
        """0 proven, 1 a counterexample, 3 not decided."""
        return EXIT[self.proof.verdict]

    def lines(self) -> list[str]:
        """The verdict in sentences."""
        found = self.proof
        about = f"{', '.join(self.outputs)} of {self.graph} in {', '.join(self.declared)}"
        effort = f"{found.boxes:,} boxes of inputs, {found.seconds:.1f} s"
        if found.verdict == "monotone":
            return [f"MONOTONE, proven on the integers: {about} ({effort})"]
        if found.example is not None:
            step = found.example
            (node, i), (output, k) = step.element, step.output
            return [
                f"NOT MONOTONE: {about}",
                f"{node}[{i}] from {step.value} to {step.value + 1}:"
                f" {output}[{k}] goes from {step.before} to {step.after}",
                *(f"{name} = {values}" for name, values in step.inputs.items()),
            ]
        said = [f"NOT DECIDED: {about} ({effort}); no counterexample was found, --seconds gives more time"]
        return [*said, *(f"widest bounds at {remark}" for remark in found.remarks)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        head = {"graph": self.graph, "inputs": list(self.declared), "outputs": list(self.outputs)}
        return {**head, **asdict(self.proof)}


def prove_monotone(
    model: str | Graph,
    inputs: Sequence[str],
    *,
    outputs: Sequence[str] = (),
    ranges: Sequence[str] = (),
    seconds: float = 60.0,
    seed: int = 1,
    progress: Callable[[int, int], object] = lambda _boxes, _open: None,
) -> Monotone:
    """Prove that no output falls when a declared input grows (or rises, for NAME:decreasing).

    Parameters
    ----------
    model
        Name of a model, a graph file, or a graph.
    inputs
        ``NAME``, ``NAME:increasing`` or ``NAME:decreasing``; NAME is an input node (all its elements),
        ``node[3]``, an event column or a feature of the graph.
    outputs
        Nodes; default: the graph's outputs.
    ranges
        ``NAME=LOW..HIGH`` in LSBs: inputs outside are not considered.

    Raises
    ------
    InputError
        If the model, an input, an output or a range does not exist, or an input has both directions.
    """
    from l1forge.studies.sources import load_graph

    graph = load_graph(model) if isinstance(model, str) else model
    elements: dict[tuple[str, int], int] = {}
    for text in inputs:
        name, direction = parse_direction(text)
        for element in named_elements(graph, name):
            if elements.setdefault(element, direction) != direction:
                raise InputError("is declared in both directions", field="--input", value=name)
    known = [node.name for node in graph.nodes]
    for name in outputs:
        if name not in known:
            raise InputError(
                "the graph has no such node", file=graph.file, field="--output", value=name,
                remedy=f"its outputs: {', '.join(graph.outputs)}",
            )  # fmt: skip
    limits: dict[tuple[str, int], tuple[int, int]] = {}
    for text in ranges:
        limits |= parse_range(graph, text)
    question = Question(elements, tuple(outputs), limits)
    found = prove(graph, question, seconds=seconds, seed=seed, progress=progress)
    words = {RISING: "increasing", FALLING: "decreasing"}
    declared = tuple(f"{name} ({words[direction]})" for name, direction in map(parse_direction, inputs))
    return Monotone(graph.name, declared, tuple(outputs) or tuple(graph.outputs), found)
