"""TMVA weight files: read, compared with a second evaluation of the XML, written and read back."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.choose import quantised_margin
from l1forge.firmware.bdt.converters import convert
from l1forge.firmware.bdt.converters.tmva import read
from l1forge.firmware.bdt.converters.tmva_export import cut_of, write
from l1forge.firmware.bdt.encode import encode
from l1forge.firmware.bdt.ensemble import Ensemble
from l1forge.firmware.bdt.link_functions import apply_link
from l1forge.firmware.bdt.to_graph import Precision, to_graph

DATA = Path(__file__).parent / "data"
REAL = sorted(Path("/work/shared/data/tmva").glob("*.xml"))  # used when present, not needed
FILES = sorted(DATA.glob("tmva-*.xml")) + REAL


def tmva_output(path: Path, event: np.ndarray) -> list[float]:
    """TMVA's rules applied to the XML itself, event by event, without the reader under test."""
    root = ElementTree.parse(path).getroot()
    option = {o.get("name"): o.text for o in root.find("Options")}
    info = {i.get("name"): i.get("value") for i in root.find("GeneralInfo")}
    strict = tuple(map(int, info["TMVA Release"].split(" ")[0].split(".")[:2])) < (4, 2)
    responses, weights = [], []
    for tree in root.findall("Weights/BinaryTree"):
        node = tree[0]
        while int(node.get("nType")) == 0:
            x, cut = np.float32(event[int(node.get("IVar"))]), np.float32(node.get("Cut"))
            right = x > cut if strict else x >= cut
            side = "r" if right == (node.get("cType") == "1") else "l"
            node = next(child for child in node if child.get("pos") == side)
        purity = option["UseYesNoLeaf"] == "False"
        is_sum = option["BoostType"] == "Grad" or info["AnalysisType"] == "Regression"
        name = "res" if is_sum else "purity" if purity else "nType"
        responses.append(float(node.get(name)))
        weights.append(float(tree.get("boostWeight")))
    if option["BoostType"] != "Grad":
        return [sum(w * r for w, r in zip(weights, responses, strict=True)) / sum(weights)]
    if info["AnalysisType"] == "Regression":
        return [weights[0] + sum(responses)]
    if info["AnalysisType"] == "Multiclass":
        sums = [sum(responses[c::3]) for c in range(3)]
        return [1 / sum(np.exp(s - own) for s in sums) for own in sums]
    return [2 / (1 + np.exp(-2 * sum(responses))) - 1]


def events_near_cuts(ensemble: Ensemble, count: int) -> np.ndarray:
    """Float32 features on cuts, one step beside, and spread over their range."""
    rng = np.random.default_rng(3)
    columns = []
    for feature in range(ensemble.n_features):
        cuts = np.concatenate([t.threshold[t.feature == feature] for t in ensemble.trees]).astype(np.float32)
        if not cuts.size:
            cuts = np.zeros(1, np.float32)
        spread = rng.uniform(cuts.min() - 1, cuts.max() + 1, cuts.size).astype(np.float32)
        choices = [cuts, np.nextafter(cuts, np.float32(1e9)), np.nextafter(cuts, np.float32(-1e9)), spread]
        columns.append(rng.choice(np.concatenate(choices), count))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_output_is_that_of_the_xml(path: Path) -> None:
    ensemble = read(path)
    x = events_near_cuts(ensemble, 60 if len(ensemble.trees) < 100 else 15)
    ours = apply_link(ensemble.link, ensemble.margin(x))
    theirs = np.array([tmva_output(path, event) for event in x])
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs) <= 1e-6 * np.abs(theirs) + 1e-15).all()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_graph_is_the_quantised_file(path: Path) -> None:
    """Events on cuts and beside: the kernel gives what the float walk gives with rounded leaves."""
    ensemble = read(path)
    precision = Precision((FixedType(22, 13),) * ensemble.n_features, FixedType(18, 6))
    graph = to_graph(ensemble, precision, "file")
    v = encode(graph, events_near_cuts(ensemble, 400))
    scores = compile_graph(graph).run_rows(v)["score"] * graph["score"].type.lsb
    on_grid = v * graph.inputs[0].type.lsb
    np.testing.assert_array_equal(scores, quantised_margin(ensemble, precision, on_grid))
    leaves = len(ensemble.trees) / 2 * precision.score.lsb
    assert np.abs(scores - ensemble.margin(on_grid)).max() <= leaves


def test_committed_files_cover_the_methods() -> None:
    kinds = {tuple(convert(path).meta[k] for k in ("boost", "analysis")) for path in FILES}
    assert kinds >= {
        ("Grad", "Classification"),
        ("AdaBoost", "Classification"),
        ("Grad", "Regression"),
        ("AdaBoost", "Regression"),
        ("Grad", "Multiclass"),
    }
    assert {convert(path).split for path in FILES} == {"<", "<="}  # TMVA 4.2 moved the equal sign


@pytest.mark.parametrize("split", ["<", "<="])
def test_written_file_reads_back(split: str, tmp_path: Path) -> None:
    import xgboost
    from sklearn.ensemble import GradientBoostingClassifier

    rng = np.random.default_rng(0)
    x = np.round(rng.normal(0, 3, (800, 3)) * 8) / 8
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = (
        xgboost.XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1)
        if split == "<"
        else GradientBoostingClassifier(n_estimators=6)
    )
    ensemble = convert(model.fit(x, y))
    write(ensemble, tmp_path / "model.weights.xml", np.stack([x.min(0), x.max(0)], axis=1))
    again = read(tmp_path / "model.weights.xml")
    probability = model.predict_proba(x)[:, 1]
    output = apply_link(again.link, again.margin(x))[:, 0]
    assert np.abs(output - (2 * probability - 1)).max() < 1e-6
    near = events_near_cuts(ensemble, 200)
    assert np.abs(2 * again.margin(near) - ensemble.margin(near).astype(np.float64)).max() < 1e-6


def test_cut_of() -> None:
    above = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert cut_of(0.5, "<") == 0.5
    assert cut_of(0.5, "<=") == above
    assert cut_of(0.1, "<") == cut_of(0.1, "<=") == float(np.float32(0.1)) > 0.1
    assert cut_of(0.7, "<=") > 0.7  # float32(0.7) is below 0.7


CHANGES = {
    "BoostType": ("<Option name=.BoostType. modified=.Yes.>Grad", "AdaBoostR2", "BoostType.*AdaBoostR2"),
    "Method": ("BDT::BDT", "MLP::MLP", "not a TMVA decision-tree file"),
    "VarTransform": ('NTransformations="0"', 'NTransformations="1"', "variable transformations"),
    "Fisher": ('name="UseFisherCuts" modified="Yes">False', "True", "UseFisherCuts"),
    "Cut": ('Cut="', 'Kut="', "Cut: is missing"),
    "release": ("4.2.1 [262657]", "unknown", "TMVA Release"),
    "entity": ("<MethodSetup", "<!DOCTYPE x><MethodSetup", "document type"),
    "xml": ("</MethodSetup>", "", "is not XML"),
    "side": ('pos="l"', 'pos="q"', "left and a right child"),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_refusals(change: str, tmp_path: Path) -> None:
    text = (DATA / "tmva-grad.weights.xml").read_text()
    old, new, words = CHANGES[change]
    if change == "BoostType":
        text = text.replace('modified="Yes">Grad<', f'modified="Yes">{new}<')
    elif change == "Fisher":
        text = text.replace(old, old.replace("False", new))
    else:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "bad.weights.xml").write_text(text)
    with pytest.raises(InputError, match=words):
        read(tmp_path / "bad.weights.xml")
