"""TMVA weight files (XML) of boosted decision trees: AdaBoost, bagging and gradient boosting.

Rules of TMVA (tmva/src/MethodBDT.cxx, DecisionTree.cxx, DecisionTreeNode.cxx of ROOT):

* A node is a leaf if ``nType`` is not 0. Features, cuts and leaf values are float32. An event goes right if
  ``x >= Cut`` (TMVA 4.2 and later; ``x > Cut`` before), the other way round if ``cType`` is 0.
* Gradient boosting sums ``res`` of the leaves, output ``tanh`` of the sum; for regression the sum starts at
  the weight of the first tree; for several classes tree ``t`` belongs to class ``t mod n``, output softmax.
* Otherwise the output is the mean over trees, weighted by ``boostWeight``, of ``nType`` (+1 signal,
  -1 background) if UseYesNoLeaf is set, of ``purity`` if not, of ``res`` for regression.
* AdaBoostR2 takes a weighted median of the trees: no sum of trees can represent it.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.ensemble import Ensemble, Split, Tree, TreeBuilder

FIRST_WITH_GREATER_EQUAL = (4, 2)
REGRESSION, MULTICLASS = "Regression", "Multiclass"


def read(path: str | Path) -> Ensemble:
    """Read a weight file.

    Raises
    ------
    InputError
        If the file is not a TMVA BDT, or uses variable transformations, Fisher cuts, preselection, another
        boosting method, or a median of trees.
    """
    root = _parse(Path(path))
    file = str(path)
    method = root.get("Method", "")
    if root.tag != "MethodSetup" or not method.startswith("BDT"):
        raise InputError("is not a TMVA decision-tree file", file=file, field="Method", value=method)
    options = {o.get("name", ""): (o.text or "").strip() for o in root.iterfind("Options/Option")}
    info = {i.get("name", ""): i.get("value", "") for i in root.iterfind("GeneralInfo/Info")}
    _refuse(root, options, file)
    weights = root.find("Weights")
    if weights is None or not len(weights):
        raise InputError("has no trees", file=file, field="Weights")
    kind = info.get("AnalysisType", "Classification")
    boost = options.get("BoostType", "AdaBoost")
    leaf = _leaf_attribute(kind, boost, options, file)
    boosts = [_number(tree, "boostWeight", file) for tree in weights]
    weighted = boost != "Grad" and options.get("UseWeightedTrees", "True") != "False"
    factors = boosts if weighted else [1.0] * len(boosts)
    trees = [_tree(tree, leaf, factor, file) for tree, factor in zip(weights, factors, strict=True)]
    scores = len(root.findall("Classes/Class")) if kind == MULTICLASS else 1
    links = {MULTICLASS: "softmax", REGRESSION: "identity"}
    return Ensemble(
        trees=tuple(trees),
        tree_class=tuple(number % scores for number in range(len(trees))),
        base=(boosts[0],) if (kind, boost) == (REGRESSION, "Grad") else (0.0,) * scores,
        feature_names=tuple(v.get("Expression", "") for v in root.iterfind("Variables/Variable")),
        split=_split(info.get("TMVA Release", ""), file),
        library="tmva",
        link=links.get(kind, "tanh") if boost == "Grad" else "identity",
        divisor=1.0 if boost == "Grad" else sum(factors),
        meta={"release": info.get("TMVA Release", ""), "boost": boost, "analysis": kind},
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read weight file: {error}", file=path) from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError("XML with a document type is not accepted", file=path, remedy="TMVA writes none")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"is not XML: {error}", file=path) from error


def _refuse(root: ElementTree.Element, options: dict[str, str], file: str) -> None:
    transformations = root.find("Transformations")
    if transformations is not None and int(transformations.get("NTransformations", "0")):
        raise InputError(
            "variable transformations are not supported",
            file=file,
            field="Transformations",
            remedy="train without VarTransform",
        )
    for name in ("DoPreselection", "UseFisherCuts"):
        if options.get(name) == "True":
            raise InputError("is not supported", file=file, field=name, remedy=f"train with {name}=False")


def _leaf_attribute(kind: str, boost: str, options: dict[str, str], file: str) -> str:
    if boost not in ("Grad", "AdaBoost", "RealAdaBoost", "Bagging"):
        raise InputError(
            "boosting method cannot be represented as a sum of trees",
            file=file,
            field="BoostType",
            value=boost,
            remedy="use Grad, AdaBoost, RealAdaBoost or Bagging",
        )
    if kind == MULTICLASS and boost != "Grad":
        raise InputError("several classes need BoostType=Grad", file=file, field="BoostType", value=boost)
    if boost == "Grad" or kind == REGRESSION:
        return "res"
    return "nType" if options.get("UseYesNoLeaf", "True") == "True" else "purity"


def _split(release: str, file: str) -> Split:
    words = release.split(" ")[0].split(".")
    if len(words) < 2 or not all(word.isdigit() for word in words[:2]):
        raise InputError("is not a release", file=file, field="TMVA Release", value=release)
    return "<" if (int(words[0]), int(words[1])) >= FIRST_WITH_GREATER_EQUAL else "<="


def _number(element: ElementTree.Element, name: str, file: str) -> float:
    try:
        return float(element.attrib[name])
    except (KeyError, ValueError) as error:
        raise InputError(
            "is missing or not a number",
            file=file,
            field=f"{element.tag}: {name}",
            value=element.get(name),
        ) from error


def _tree(element: ElementTree.Element, leaf: str, factor: float, file: str) -> Tree:
    builder = TreeBuilder()

    def add(node: ElementTree.Element) -> int:
        if _number(node, "nType", file) != 0:
            return builder.leaf(factor * float(np.float32(_number(node, leaf, file))))
        if _number(node, "NCoef", file) != 0:
            raise InputError("Fisher cuts are not supported", file=file, field="NCoef")
        children = {child.get("pos"): child for child in node}
        if set(children) != {"l", "r"}:
            raise InputError("node needs a left and a right child", file=file, field="Node: pos")
        below, above = children["l"], children["r"]
        if _number(node, "cType", file) == 0:
            below, above = above, below
        cut = float(np.float32(_number(node, "Cut", file)))
        feature = _number(node, "IVar", file)
        if feature != int(feature):
            raise InputError("is not a variable", file=file, field="Node: IVar", value=feature)
        return builder.split(int(feature), cut, False, lambda: add(below), lambda: add(above))

    roots = list(element)
    if len(roots) != 1:
        raise InputError("tree must have one root", file=file, field="BinaryTree", value=len(roots))
    add(roots[0])
    return builder.tree()
