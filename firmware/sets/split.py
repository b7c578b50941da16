"""A graph that sums over a set, cut at that sum: what every member passes, and what follows.

Members are rows of the first axis: constituents of a jet, say. The logic of ``share`` members, fed with the
inputs turned by ``share`` members each clock, computes all of them in turn, if the graph treats all alike;
then the sum does not care in which order it gets them. That is tried here, not believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel import compile_graph

TRIED = 2048
"""Random events on which members must be treated alike."""
PARTIAL, TOTAL = "partial", "total"


@dataclass(frozen=True)
class Split:
    """The two circuits: ``front`` gives the sum of ``share`` members, ``back`` goes on from the whole sum.

    ``steps`` times ``share`` members make the set; ``total`` is the type of the whole sum.
    """

    front: Graph
    back: Graph
    members: int
    share: int
    total: FixedType

    @property
    def steps(self) -> int:
        """Clocks that an event takes, and so the least distance of two."""
        return self.members // self.share


def split(graph: Graph, interval: int) -> Split:
    """Cut ``graph`` for a new event every ``interval`` clocks.

    Raises
    ------
    InputError
        If it has no sum over a set, treats its members differently, or ``interval`` does not divide them.
    """
    summed, member, order = _sum_over_members(graph)
    members = member.shape[0]
    if interval < 1 or members % interval:
        shares = [n for n in range(1, members + 1) if members % n == 0]
        raise InputError(
            f"does not divide the {members} members of the set",
            field="interval",
            value=interval,
            remedy=f"one of {', '.join(map(str, shares))}",
        )
    _alike(graph, member)
    share = members // interval
    total = summed.accumulator()
    width = summed.size
    index = order.reshape(width, members)[:, :share]
    first = Node(
        "first_members", "take", (member.name,), index.shape, member.type, {"index": index.ravel().tolist()}
    )
    few = replace(summed.constants["weight"], data=np.ones((share, 1), summed.constants["weight"].data.dtype))
    added = Node(
        PARTIAL,
        "dense",
        (first.name,),
        (width, 1),
        total,
        {"accum": str(total)},
        {"weight": few, "bias": Constant(summed.constants["bias"].type, np.zeros(1, np.int64))},
    )
    before = graph.subgraph([member.name])
    front = Graph(f"{graph.name}_front", [*before.nodes, first, added], [PARTIAL])
    start = Node(TOTAL, "input", (), summed.shape, total)
    return Split(front, _behind(graph, summed, start), members, share, total)


def _behind(graph: Graph, summed: Node, start: Node) -> Graph:
    """Everything that follows ``summed``, which becomes the input ``start``."""
    known = {summed.name}
    nodes = [start]
    for node in graph.nodes:
        if known & set(node.inputs):
            known.add(node.name)
            nodes.append(
                replace(node, inputs=tuple(start.name if n == summed.name else n for n in node.inputs))
            )
    names = {node.name for node in nodes}
    missing = [name for node in nodes for name in node.inputs if name not in names]
    constant = [node for node in graph.nodes if node.name in missing and node.op == "constant"]
    late = [name for name in missing if name not in {node.name for node in constant}]
    if late or any(name not in names for name in graph.outputs):
        raise InputError(
            "more than the sum over the set goes on behind it: it cannot be folded",
            file=graph.file,
            field="nodes",
            value=", ".join(late or graph.outputs),
        )
    return Graph(f"{graph.name}_back", [*constant, *nodes], list(graph.outputs))


def _sum_over_members(graph: Graph) -> tuple[Node, Node, NDArray[np.int64]]:
    """The last sum over all members: its node, the node (members, width) that is summed, and the order."""
    size = {node.size for node in graph.inputs}
    by_name = {node.name: node for node in graph.nodes}
    for node in reversed(graph.nodes):
        if node.op != "dense" or len(size) != 1:
            continue
        turned = by_name[node.inputs[0]]
        weight, bias = node.constants["weight"], node.constants["bias"]
        ones = (weight.data * weight.type.lsb == 1).all() and not bias.data.any()
        if turned.op != "take" or not ones or weight.data.shape[1] != 1:
            continue
        member = by_name[turned.inputs[0]]
        order = np.array(turned.attributes["index"], np.int64)
        wanted = np.arange(member.size).reshape(member.shape)
        if {member.shape[0]} != size or len(member.shape) != 2 or node.size != member.shape[1]:
            continue
        exact = member.type == turned.type and _any_order(node, member)
        if exact and np.array_equal(order, wanted.T.ravel()):
            return node, member, order
    raise InputError(
        "has no exact sum over a set whose members are the elements of its inputs: it cannot be folded",
        file=graph.file,
        field="nodes",
        remedy="fold deep sets or graph networks; others are pipelined",
    )


def _any_order(summed: Node, member: Node) -> bool:
    """Whether the sum drops no bits and wraps if at all, so that parts of it may be added in any order."""
    total = summed.accumulator()
    wraps = total.overflow is Overflow.WRAP and not total.saturation_bits
    return wraps and total == summed.type and total.fraction >= member.type.fraction


def _alike(graph: Graph, member: Node) -> None:
    """Turn the set of random events by one: the members' results must turn with it."""
    kernel = compile_graph(graph.subgraph([member.name]))
    generator = np.random.default_rng(1)
    events = {
        node.name: generator.integers(
            node.type.minimum, node.type.maximum, (TRIED, *node.shape), endpoint=True
        )
        for node in graph.inputs
    }
    before = kernel.run_rows(events)[member.name]
    turned = {name: np.roll(values, -1, axis=1) for name, values in events.items()}
    if not np.array_equal(np.roll(before, -1, axis=1), kernel.run_rows(turned)[member.name]):
        raise InputError(
            "treats the members of its set differently: it cannot be folded",
            file=graph.file,
            field=f"node {member.name}",
        )
