"""Trees as the TreeLUT paper (Khataei and Bazargan, FPGA 2025, arXiv:2501.01511) builds them, in own words.

Quantisation: features are unsigned integers of a few bits before the training; from every tree its least leaf
is taken off, and all leaves share one scale, so that the widest tree uses all leaf values.

Circuit: every different comparison once, then a register; every tree is a choice between its leaf values,
each with the or of the paths that lead to it, then a register; a balanced tree of adders, then a register.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import write_text
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.trees import LEAF
from l1forge.firmware.bdt.ensemble import Ensemble
from l1forge.firmware.rtl import RtlProject

LATENCY = 3
Path_ = tuple[tuple[int, bool], ...]
"""A way to a leaf: (number of the comparison, whether it holds)."""


def leaves_together(ensemble: Ensemble, bits: int) -> Ensemble:
    """All leaves as integers of ``bits`` bits with one scale; what is taken off goes to the base scores.

    The least base score is 0: a shift of all scores decides nothing.
    """
    inner = [tree.feature == LEAF for tree in ensemble.trees]
    least = [float(tree.value[leaf].min()) for tree, leaf in zip(ensemble.trees, inner, strict=True)]
    spans = [
        float(tree.value[leaf].max()) - low
        for tree, leaf, low in zip(ensemble.trees, inner, least, strict=True)
    ]
    scale = ((1 << bits) - 1) / max(spans)
    trees = tuple(
        replace(tree, value=np.where(leaf, np.rint((tree.value - low) * scale), 0.0))
        for tree, leaf, low in zip(ensemble.trees, inner, least, strict=True)
    )
    base = np.array(ensemble.base, dtype=np.float64)
    np.add.at(base, list(ensemble.tree_class), least)
    return replace(ensemble, trees=trees, base=tuple(np.rint((base - base.min()) * scale).tolist()))


def write(graph: Graph, ours: RtlProject, folder: Path) -> RtlProject:
    """The circuit of the paper for the trees of ``graph``, with the ports of ``ours``."""
    node = graph[graph.outputs[0]]
    data = {name: constant.data for name, constant in node.constants.items()}
    assert node.attributes["split"] in ("<", "<=")
    strict = node.attributes["split"] == "<"
    inner = data["feature"] != LEAF
    different = sorted(
        {*zip(data["feature"][inner].tolist(), data["threshold"][inner].tolist(), strict=True)}
    )
    place = {comparison: number for number, comparison in enumerate(different)}
    name = f"{graph.name}_paper"
    lines = _ports(name, ours)
    sign = "<" if strict else "<="
    lines += [
        f"    reg [{len(different) - 1}:0] c;",
        "    always @(posedge clk) begin",
        *(f"        c[{k}] <= {ours.inputs[f].name} {sign} {t};" for (f, t), k in place.items()),
        "    end",
    ]
    terms: list[list[tuple[str, int]]] = [[] for _ in ours.outputs]
    for tree in range(len(inner)):
        ways = _ways(data, place, tree)
        most = max(ways)
        width = max(most.bit_length(), 1)
        score = int(data["tree_class"].ravel()[tree])
        if most:
            lines += _choice(f"t{tree}", width, ways)
            terms[score].append((f"t{tree}", most))
    for score, parts in enumerate(terms):
        bias = int(data["bias"].ravel()[score]) << (node.type.fraction - node.constants["bias"].type.fraction)
        lines += _sum(score, ours.outputs[score].name, ours.outputs[score].width, parts, bias)
    text = "\n".join([*lines, "endmodule", ""])
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.v", text)
    return replace(
        ours,
        folder=folder,
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        files=(f"{name}.v",),
        registers=(),
        latency=LATENCY,
        stages=LATENCY - 1,
        core="",
    )


def _ports(name: str, ours: RtlProject) -> list[str]:
    outputs = [f"output reg signed [{port.width - 1}:0] {port.name}" for port in ours.outputs]
    inputs = [f"input wire [{port.width - 1}:0] {port.name}" for port in ours.inputs]
    ports = [
        "input wire clk",
        "input wire rst",
        "input wire in_valid",
        *inputs,
        "output wire out_valid",
        *outputs,
    ]
    return [
        f"module {name} (",
        *(f"    {port}{',' if place < len(ports) - 1 else ''}" for place, port in enumerate(ports)),
        ");",
        f"    reg [{LATENCY - 1}:0] valid;",
        f"    always @(posedge clk) valid <= rst ? {LATENCY}'b0 : {{valid[{LATENCY - 2}:0], in_valid}};",
        f"    assign out_valid = valid[{LATENCY - 1}];",
    ]


def _ways(
    data: dict[str, NDArray[np.int64]], place: dict[tuple[int, int], int], tree: int
) -> dict[int, list[Path_]]:
    """Leaf value -> the ways that lead to it."""
    found: dict[int, list[Path_]] = {}
    waiting: list[tuple[int, Path_]] = [(0, ())]
    while waiting:
        node, way = waiting.pop()
        feature = int(data["feature"][tree, node])
        if feature == LEAF:
            found.setdefault(int(data["value"][tree, node]), []).append(way)
            continue
        number = place[feature, int(data["threshold"][tree, node])]
        waiting.append((int(data["left"][tree, node]), (*way, (number, True))))
        waiting.append((int(data["right"][tree, node]), (*way, (number, False))))
    return found


def _choice(name: str, width: int, ways: dict[int, list[Path_]]) -> list[str]:
    """A register that takes the leaf value whose condition holds; the largest needs no condition."""
    *others, last = sorted(ways)
    lines = [f"    reg [{width - 1}:0] {name};", "    always @(posedge clk)"]
    for place, value in enumerate(others):
        either = " | ".join(
            "(" + " & ".join(f"{'' if holds else '~'}c[{number}]" for number, holds in way) + ")"
            for way in ways[value]
        )
        lines.append(f"        {'if' if not place else 'else if'} ({either}) {name} <= {width}'d{value};")
    return [*lines, f"        {'else ' if others else ''}{name} <= {width}'d{last};"]


def _sum(score: int, port: str, width: int, parts: list[tuple[str, int]], bias: int) -> list[str]:
    """A balanced tree of adders with exact widths, the constant among the first terms."""
    terms = [*([(f"{bias.bit_length()}'d{bias}", bias)] if bias else []), *parts]
    lines, level = [], 0
    while len(terms) > 1:
        sums = []
        for place in range(0, len(terms) - 1, 2):
            (a, most_a), (b, most_b) = terms[place : place + 2]
            most = most_a + most_b
            name = f"s{score}_{level}_{place // 2}"
            lines.append(f"    wire [{most.bit_length() - 1}:0] {name} = {a} + {b};")
            sums.append((name, most))
        terms = sums + ([terms[-1]] if len(terms) % 2 else [])
        level += 1
    value = terms[0][0] if terms else "0"
    zero = f"{width}'d0"
    return [*lines, f"    always @(posedge clk) {port} <= {zero} | {value};"]
