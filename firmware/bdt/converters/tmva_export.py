"""Ensembles written as TMVA weight files, for analyses that read their BDTs with TMVA::Reader.

The file says TMVA 4.2.1, whose trees send ``x >= Cut`` to the right with float32 cuts. An ensemble that
splits on ``x <= t`` is written with the next float32 above ``t``: for float32 features the same decision.
Leaf values are doubles with 17 digits, in the file exact; TMVA itself holds responses as float32.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble, Tree

RELEASE = "4.2.1 [262657]"


def cut_of(threshold: float, split: str) -> float:
    """The float32 ``c`` for which ``x < c`` decides as ``x < threshold`` (or ``<=``), for float32 ``x``."""
    nearest = np.float32(threshold)
    at_least = nearest if float(nearest) >= threshold else np.nextafter(nearest, np.float32(np.inf))
    if split == "<=" and float(at_least) == threshold:
        at_least = np.nextafter(at_least, np.float32(np.inf))
    return float(at_least)


def write(ensemble: Ensemble, path: str | Path, ranges: np.ndarray | None = None) -> None:
    """Write a two-class gradient-boosted weight file.

    Parameters
    ----------
    ensemble
        One score. The base score is added to the leaves of the first tree; a logistic link is halved, so
        that TMVA's output is ``2 p - 1``.
    ranges
        Smallest and largest value of each feature, shape (n_features, 2); informative.

    Raises
    ------
    InputError
        If the ensemble has several scores, a divisor, or another link.
    """
    if ensemble.n_scores != 1 or ensemble.divisor != 1 or ensemble.link not in ("logistic", "tanh"):
        raise InputError(
            "only two-class gradient boosting can be written as a TMVA file",
            field=ensemble.library,
            value=ensemble.link,
        )
    root = ElementTree.Element("MethodSetup", Method="BDT::BDT")
    info = ElementTree.SubElement(root, "GeneralInfo")
    for name, value in (
        ("TMVA Release", RELEASE),
        ("Creator", "l1forge"),
        ("AnalysisType", "Classification"),
    ):
        ElementTree.SubElement(info, "Info", name=name, value=value)
    options = ElementTree.SubElement(root, "Options")
    for name, value in (
        ("NTrees", str(len(ensemble.trees))),
        ("MaxDepth", str(ensemble.depth)),
        ("BoostType", "Grad"),
        ("Shrinkage", "1.000000e+00"),
        ("UseYesNoLeaf", "True"),
        ("UseFisherCuts", "False"),
        ("DoPreselection", "False"),
    ):
        ElementTree.SubElement(options, "Option", name=name, modified="Yes").text = value
    _variables(root, ensemble, ranges)
    ElementTree.SubElement(root, "Spectators", NSpec="0")
    classes = ElementTree.SubElement(root, "Classes", NClass="2")
    for index, name in enumerate(("Signal", "Background")):
        ElementTree.SubElement(classes, "Class", Name=name, Index=str(index))
    ElementTree.SubElement(root, "Transformations", NTransformations="0")
    ElementTree.SubElement(root, "MVAPdfs")
    weights = ElementTree.SubElement(root, "Weights", NTrees=str(len(ensemble.trees)), AnalysisType="1")
    factor = 0.5 if ensemble.link == "logistic" else 1.0
    for number, tree in enumerate(ensemble.trees):
        record = ElementTree.SubElement(
            weights, "BinaryTree", type="DecisionTree", boostWeight=_text(1.0), itree=str(number)
        )
        shift = ensemble.base[0] if number == 0 else 0.0
        _node(record, tree, 0, "s", 0, ensemble.split, shift, factor)
    ElementTree.indent(root)
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="unicode", xml_declaration=True)


def _text(value: float) -> str:
    return f"{value:.16e}"


def _variables(root: ElementTree.Element, ensemble: Ensemble, ranges: np.ndarray | None) -> None:
    variables = ElementTree.SubElement(root, "Variables", NVar=str(ensemble.n_features))
    for index, name in enumerate(ensemble.feature_names):
        low, high = (0.0, 0.0) if ranges is None else (float(v) for v in ranges[index])
        fields = dict.fromkeys(("Expression", "Label", "Title", "Internal"), name)
        fields |= {"VarIndex": str(index), "Unit": "", "Type": "F", "Min": f"{low:.8e}", "Max": f"{high:.8e}"}
        ElementTree.SubElement(variables, "Variable", fields)


def _node(
    parent: ElementTree.Element,
    tree: Tree,
    node: int,
    side: str,
    depth: int,
    split: str,
    shift: float,
    factor: float,
) -> None:
    leaf = tree.feature[node] == LEAF
    response = (tree.value[node] + shift) * factor if leaf else 0.0
    cut = 0.0 if leaf else cut_of(float(tree.threshold[node]), split)
    if not math.isfinite(cut):
        raise InputError("threshold beyond float32", field=f"node {node}", value=float(tree.threshold[node]))
    element = ElementTree.SubElement(
        parent,
        "Node",
        pos=side,
        depth=str(depth),
        NCoef="0",
        IVar=str(int(tree.feature[node])),
        Cut=_text(cut),
        cType="1",
        res=_text(response),
        rms=_text(0.0),
        purity=_text(0.5),
        nType="-99" if leaf else "0",
    )
    if not leaf:
        for name, child in (("l", tree.left[node]), ("r", tree.right[node])):
            _node(element, tree, int(child), name, depth + 1, split, shift, factor)
