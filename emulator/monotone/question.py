"""What is asked: in which elements of the inputs the outputs shall be monotone, and for which inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph

_ELEMENT = re.compile(r"(.*)\[(\d+)\]")
RISING, FALLING = 1, -1
WORDS = {"increasing": RISING, "decreasing": FALLING}


@dataclass(frozen=True)
class Question:
    """Outputs never fall (RISING) or never rise (FALLING) when one of these elements grows.

    ``elements``: (input node, element number) -> direction. ``outputs``: node names; default: all outputs of
    the graph. ``ranges``: (input node, element) -> (low, high) in LSBs; default: all that its type holds.
    """

    elements: Mapping[tuple[str, int], int]
    outputs: tuple[str, ...] = ()
    ranges: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)


def named_elements(graph: Graph, name: str) -> list[tuple[str, int]]:
    """The input elements that ``name`` means.

    An input node (all its elements), ``node[3]``, the source of an element such as ``mu.pt[0]``, or a name
    from the graph's list of features (``meta["features"]``), where it has one input.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    nodes = {node.name: node for node in graph.inputs}
    if name in nodes:
        return [(name, i) for i in range(nodes[name].size)]
    match = _ELEMENT.fullmatch(name)
    if match and match[1] in nodes and int(match[2]) < nodes[match[1]].size:
        return [(match[1], int(match[2]))]
    for node in graph.inputs:
        sources = node.attributes.get("source")
        if sources and name in sources:
            return [(node.name, i) for i, source in enumerate(sources) if source == name]
    features: Sequence[str] = graph.meta.get("features") or graph.meta.get("feature_names") or ()
    if len(graph.inputs) == 1 and name in features and len(features) == graph.inputs[0].size:
        return [(graph.inputs[0].name, i) for i, feature in enumerate(features) if feature == name]
    known = [f"{node.name}[0..{node.size - 1}]" if node.size > 1 else node.name for node in graph.inputs]
    raise InputError(
        "the graph has no such input", file=graph.file, field="--input", value=name,
        remedy=f"inputs: {', '.join([*known, *map(str, features)])}",
    )  # fmt: skip


def parse_direction(text: str) -> tuple[str, int]:
    """``NAME``, ``NAME:increasing`` or ``NAME:decreasing`` as name and direction."""
    name, colon, word = text.rpartition(":")
    if not colon:
        return text, RISING
    if word not in WORDS:
        raise InputError("is not a direction", field="--input", value=word, remedy="increasing or decreasing")
    return name, WORDS[word]


def parse_range(graph: Graph, text: str) -> dict[tuple[str, int], tuple[int, int]]:
    """``NAME=LOW..HIGH`` (integers, LSBs) as the range of every element that NAME means."""
    name, equals, interval = text.partition("=")
    low, dots, high = interval.partition("..")
    try:
        ends = int(low), int(high)
    except ValueError:
        equals = ""
    if not (equals and dots):
        raise InputError(
            "is not a range", field="--range", value=text, remedy="give NAME=LOW..HIGH, integers"
        )
    out = {}
    for node, element in named_elements(graph, name):
        kind = graph[node].type
        if not kind.minimum <= ends[0] <= ends[1] <= kind.maximum:
            raise InputError(
                f"is not a range within {kind}", file=graph.file, field=f"--range {name}", value=interval,
                remedy=f"give {kind.minimum}..{kind.maximum} or a part of it",
            )  # fmt: skip
        out[node, element] = ends
    return out
