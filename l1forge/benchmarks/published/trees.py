"""100 trees of depth 4 through our flow, beside published designs of this size.

The trees are trained with XGBoost on the committed tau candidates and quantised in two ways: fine leaves, and
leaves of 5 bits.
"""

from __future__ import annotations

from l1forge.benchmarks.published.rows import PublishedTable, luts, number, spent, synthesised, written
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph

TREES, DEPTH, SEED = 100, 4, 1
LEAVES = {"fine leaves": 8, "leaves of 5 bits": 4}
"""Fractional bits of the leaves."""
PUBLISHED = (
    ("conifer, 100 trees of depth 4, as the issue quotes it", "16 052", "160.5", "-", "-", "-"),
    ("TreeLUT-style, 100 trees of depth 4, as the issue quotes it", "below 2 300", "below 23", "-", "-", "-"),
)


def comparison() -> PublishedTable:
    """Published rows and ours."""
    whole, graphs = designs()
    rows = [*PUBLISHED]
    for name, (graph, auc) in graphs.items():
        found = synthesised(written(graph))
        rows.append(
            (
                f"ours, {TREES} trees of depth {DEPTH}, {name}",
                luts(found),
                f"{spent(found) / TREES:.1f}",
                number(found.ff),
                f"{found.latency_clocks} clocks",
                f"{auc:.4f}",
            )
        )
    return PublishedTable(
        ("design", "LUT", "LUT per tree", "FF", "latency", f"AUC (float: {whole:.4f})"), rows
    )


def designs() -> tuple[float, dict[str, tuple[Graph, float]]]:
    """AUC of the float model on the test part; name -> graph and its AUC there."""
    import xgboost

    from l1forge.firmware.bdt.choose import data_types, score_type
    from l1forge.firmware.bdt.converters.xgboost_json import convert
    from l1forge.firmware.bdt.to_graph import Precision, to_graph
    from l1forge.models.tau_id.features import features
    from l1forge.models.tau_id.train import DATA
    from l1forge.models.trees import samples
    from l1forge.models.trees.classifiers import area, graph_scores

    sample = samples.load(DATA, features)
    train, test = sample.part(True), sample.part(False)
    model = xgboost.XGBClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=0.2, subsample=0.8, random_state=SEED, n_jobs=1
    )
    model.fit(train.features, train.truth)
    ensemble = convert(model)
    types: tuple[FixedType, ...] = data_types(ensemble, train.features)
    found = {}
    for name, fraction in LEAVES.items():
        precision = Precision(types, score_type(ensemble, fraction))
        graph = to_graph(ensemble, precision, f"trees_{TREES}x{DEPTH}_{fraction}", raw=samples.RAW)
        found[name] = graph, area(graph_scores(graph, test.features), test.truth)
    return area(model.predict(test.features, output_margin=True), test.truth), found
