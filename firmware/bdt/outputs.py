"""Outputs beyond the raw scores: the number of the largest, and the library's probability as a table."""

from __future__ import annotations

import math

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.bdt.link_functions import LINKS, apply_link
from l1forge.firmware.bdt.to_graph import rounded

REACH = 8.0
"""The table covers raw scores of -8 .. 8: beyond, an output of up to 11 bits does not change."""


def with_class(graph: Graph) -> Graph:
    """The graph with a further output ``class``: the number of the largest score, the first of equals.

    Raises
    ------
    InputError
        If the graph has one score only.
    """
    score = graph["score"]
    if score.size < 2:
        raise InputError("argmax needs at least two scores; apply a threshold instead", field=graph.name)
    kind = FixedType.integers(0, score.size - 1)
    node = Node("class", "argmax", (score.name,), (1,), kind)
    return Graph(graph.name, [*graph.nodes, node], [*graph.outputs, node.name], graph.meta, graph.file)


def with_probability(graph: Graph, kind: FixedType | None = None, entries: int = 1024) -> Graph:
    """The graph with a further output ``probability``: the link of each score, from a table.

    Parameters
    ----------
    kind
        Type of the output; by default 8 fractional bits, signed where the link is (tanh).
    entries
        Size of the table, a power of two. The score is rounded to nearest onto its points, ``16 / entries``
        apart, so that the output is off by at most half its LSB plus the link's change over half a step.

    Raises
    ------
    InputError
        If the link is softmax (a function of all scores) or the table is larger than the score is fine.
    """
    link, score = str(graph.meta.get("link", "identity")), graph["score"]
    if link not in LINKS or link in ("softmax", "identity", "exponential"):
        raise InputError("link has no table", field=f"{graph.name}: link", value=link)
    if kind is None:
        kind = FixedType(9, 1, True) if link == "tanh" else FixedType(8, 0, False)
    shift = score.type.fraction - round(math.log2(entries / (2 * REACH)))
    if entries & (entries - 1) or shift < 0:
        raise InputError("must be a power of two, no finer than the score", field="entries", value=entries)
    points = np.linspace(-REACH, REACH, entries, endpoint=False)
    values = np.clip(rounded(apply_link(link, points) * 2.0**kind.fraction), kind.minimum, kind.maximum)
    node = Node(
        "probability",
        "table",
        (score.name,),
        score.shape,
        kind,
        {"offset": entries // 2, "shift": shift, "index_rounding": "RND"},
        {"table": Constant(kind, values)},
    )
    return Graph(graph.name, [*graph.nodes, node], [*graph.outputs, node.name], graph.meta, graph.file)
