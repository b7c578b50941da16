"""The same trees, quantised alike, as the TreeLUT paper's circuit and as ours: equal in every event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.benchmarks.published import tree_logic
from l1forge.benchmarks.published.rows import PublishedTable, luts, number, spent, synthesised, written
from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject

SEED = 1
CROSSINGS = 5000
PUBLISHED = (
    ("jets (JSC)", "TreeLUT (I), published", "2 234", "-", "-", "76 %"),
    ("MNIST", "TreeLUT (I), published", "4 478", "-", "-", "97 %"),
    ("MNIST", "TreeLUT (II), published", "3 499", "-", "-", "96 %"),
    ("NID", "TreeLUT (II), published", "89", "-", "-", "92 %"),
)
HEADINGS = ("task", "circuit", "LUT", "LUT per tree", "FF", "score on test data")


@dataclass(frozen=True)
class SharedTask:
    """Unsigned integer features of ``bits`` bits, shape (n, features), and labels (n,)."""

    name: str
    title: str
    bits: int
    leaf_bits: int
    trees: int
    depth: int
    train: tuple[NDArray[np.int64], NDArray[np.int64]]
    test: tuple[NDArray[np.int64], NDArray[np.int64]]


def digits() -> SharedTask:
    """The 8 × 8 digits of scikit-learn (1 797 images, ten classes, pixels of 0 to 16 as 4 bits)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.minimum(images, 15).astype(np.int64)
    test = np.arange(len(labels)) % 3 == 2
    return SharedTask(
        "digits",
        "digits (8 × 8 pixels)",
        4,
        3,
        10,
        4,
        (pixels[~test], labels[~test]),
        (pixels[test], labels[test]),
    )


def taus() -> SharedTask:
    """The committed tau candidates: 25 features, each spread over 8 bits by its range in training."""
    from l1forge.models.tau_id.features import features
    from l1forge.models.tau_id.train import DATA
    from l1forge.models.trees import samples

    sample = samples.load(DATA, features)
    train, test = sample.part(True), sample.part(False)
    low, high = train.features.min(axis=0), train.features.max(axis=0)
    step = np.maximum(high - low, 1) / 255

    def spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.clip(np.rint((values - low) / step), 0, 255).astype(np.int64)

    return SharedTask(
        "taus",
        "taus against jets",
        8,
        4,
        100,
        4,
        (spread(train.features), train.truth.astype(np.int64)),
        (spread(test.features), test.truth.astype(np.int64)),
    )


def comparison() -> PublishedTable:
    """Published rows, then both circuits of every shared task."""
    rows: list[tuple[str, ...]] = [*PUBLISHED]
    for task in (digits(), taus()):
        rows += _rows(task)
    return PublishedTable(HEADINGS, rows)


def _rows(task: SharedTask) -> list[tuple[str, ...]]:
    """Both circuits of one task, the ratio of their LUTs last.

    Raises
    ------
    RuntimeError
        If the paper's circuit differs from the emulator in any crossing.
    """
    graph, floats, score = trained(task)
    ours = written(graph)
    theirs = tree_logic.write(graph, ours, build_folder() / "rtl" / f"{graph.name}_paper")
    check_equal(theirs, graph)
    count = len(graph[graph.outputs[0]].constants["feature"].data)
    shown = f"{score} (float: {floats})"
    rows, sizes = list[tuple[str, ...]](), list[int]()
    for name, project in (("the paper's, rebuilt, Yosys", theirs), ("ours, Yosys", ours)):
        found = synthesised(project)
        sizes.append(spent(found))
        title = f"{name}; {found.latency_clocks} clocks, path {found.delay_ns:.1f} ns"
        each = f"{spent(found) / count:.1f}"
        rows.append((task.title, title, luts(found), each, number(found.ff), shown))
    rows.append((task.title, "**ours / the paper's**", "", f"**{sizes[1] / sizes[0]:.2f}**", "", "equal"))
    return rows


def trained(task: SharedTask) -> tuple[Graph, str, str]:
    """The graph with jointly quantised leaves; what float model and graph reach on the test data."""
    import xgboost

    from l1forge.emulator.kernel import compile_graph
    from l1forge.firmware.bdt.choose import score_type
    from l1forge.firmware.bdt.converters.xgboost_json import convert
    from l1forge.firmware.bdt.to_graph import Precision, to_graph

    model = xgboost.XGBClassifier(
        n_estimators=task.trees, max_depth=task.depth, learning_rate=0.3, random_state=SEED, n_jobs=1
    )
    model.fit(*task.train)
    ensemble = tree_logic.leaves_together(convert(model), task.leaf_bits)
    kinds = (FixedType.parse(f"ufixed<{task.bits},{task.bits}>"),) * ensemble.n_features
    name = f"shared_{task.name}"
    graph = to_graph(ensemble, Precision(kinds, score_type(ensemble, 0)), name)
    found = compile_graph(graph).run_rows({graph.inputs[0].name: task.test[0]})[graph.outputs[0]]
    scores = found.reshape(len(task.test[1]), -1)
    floats = model.predict(task.test[0], output_margin=True)
    return graph, _reached(floats, task.test[1]), _reached(scores, task.test[1])


def _reached(scores: NDArray[np.generic], labels: NDArray[np.int64]) -> str:
    """Accuracy of several scores, area under the curve of one."""
    from l1forge.models.trees.classifiers import area

    if scores.ndim == 2 and scores.shape[1] > 1:
        return f"{100 * float((scores.argmax(axis=1) == labels).mean()):.1f} %"
    return f"AUC {area(scores.ravel(), labels.astype(bool)):.4f}"


def check_equal(project: RtlProject, graph: Graph) -> None:
    """Co-simulate ``project`` against the emulator; RuntimeError unless it is exact."""
    from l1forge.testbench.cosim import cosimulate
    from l1forge.testbench.stimuli import Plan

    report = cosimulate(project, graph, Plan(CROSSINGS).stimuli(graph, [], SEED), label="paper")
    print(f"{project.name}: {report.verdict}", flush=True)
    if not report.passed:
        raise RuntimeError(report.verdict)
