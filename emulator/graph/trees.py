"""The tree-ensemble operation: its layout, the checks it must pass, and the walk through its trees.

Trees are padded to a common number of nodes: ``feature``, ``threshold``, ``left``, ``right`` and ``value``
have shape ``(n_trees, n_nodes)``, node 0 is the root, ``feature`` is -1 at a leaf (and in the padding).
Children come after their parent, so that every walk ends. ``tree_class`` (n_trees,) names the score a tree
adds to, ``bias`` (n_classes,) is where each score starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from l1forge.emulator.graph.fixed import Integers
from l1forge.emulator.graph.node import Node

NODE_CONSTANTS = ("feature", "threshold", "left", "right", "value")
CONSTANTS = (*NODE_CONSTANTS, "tree_class", "bias")
SPLITS = ("<", "<=")
LEAF = -1


def complaint(node: Node, inputs: Sequence[Node]) -> str | None:
    """What is wrong with the node's trees, or None."""
    data = {name: node.constants[name].data for name in CONSTANTS}
    shape = data["feature"].shape
    if len(shape) != 2 or 0 in shape or any(data[name].shape != shape for name in NODE_CONSTANTS):
        return "must have feature, threshold, left, right and value of one shape [trees, nodes]"
    if data["tree_class"].shape != shape[:1] or data["bias"].shape != node.shape or len(node.shape) != 1:
        return f"must have {shape[0]} tree classes and one bias per score, and shape [scores]"
    if node.attributes["split"] not in SPLITS:
        return f"has split {node.attributes['split']!r}, must be one of {' '.join(SPLITS)}"
    for name in ("feature", "left", "right", "tree_class"):
        if node.constants[name].type.fraction != 0:
            return f"has {name} of type {node.constants[name].type}, must be an integer type"
    inner = data["feature"] != LEAF
    feature = data["feature"][inner]
    if feature.size and (feature.min() < 0 or feature.max() >= inputs[0].size):
        return f"splits on a feature outside 0 .. {inputs[0].size - 1}"
    if data["tree_class"].min() < 0 or data["tree_class"].max() >= node.shape[0]:
        return f"has a tree class outside 0 .. {node.shape[0] - 1}"
    parent = np.broadcast_to(np.arange(shape[1]), shape)[inner]
    for name in ("left", "right"):
        child = data[name][inner]
        if child.size and ((child <= parent).any() or child.max() >= shape[1]):
            return f"has a {name} child that does not come after its parent in the tree"
    return None


def leaf_of(node: Node, tree: int, x: Integers, below: Integers) -> Integers:
    """The leaf each event reaches in one tree.

    Parameters
    ----------
    x
        Features, shape (n, n_features).
    below
        The tree's thresholds in the same LSB, shape (n_nodes,).

    Returns
    -------
    Node numbers, shape (n,), int64.
    """
    feature, left, right = (node.constants[name].data[tree] for name in ("feature", "left", "right"))
    events = np.arange(len(x))
    position = np.zeros(len(x), np.int64)
    while (moving := feature[position] != LEAF).any():
        value, limit = x[events, np.where(moving, feature[position], 0)], below[position]
        to_left = value < limit if node.attributes["split"] == "<" else value <= limit
        position = np.where(moving, np.where(to_left, left[position], right[position]), position)
    return position
