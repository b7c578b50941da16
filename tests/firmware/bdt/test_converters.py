"""Every converter against the library's own prediction, in float, before anything is quantised.

Where the library sums in one known order, the comparison is bit for bit; elsewhere the difference allowed is
the rounding of the sum in the library's own precision, and is asserted as such.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters import convert
from l1forge.firmware.bdt.converters.xgboost_json import from_document
from l1forge.firmware.bdt.link_functions import apply_link

DATA = Path(__file__).parent / "data"
RNG = np.random.default_rng(5)
X = np.round(RNG.normal(0, 4, (1500, 5)) * 16) / 16  # a grid, so that events lie exactly on thresholds
SIGNAL = X[:, 0] + X[:, 1] * X[:, 2]
BINARY = (SIGNAL > 0).astype(int)
CLASSES = np.digitize(SIGNAL, [-4, 4])
WITH_MISSING = np.where(RNG.random(X.shape) < 0.1, np.nan, X)


def rounding(leaves: np.ndarray, dtype: type) -> float:
    """Bound on the rounding error of a sum in another order."""
    return float(np.abs(leaves).sum(axis=1).max() * leaves.shape[1] * np.finfo(dtype).eps)


@pytest.mark.parametrize("path", sorted(DATA.glob("xgboost-*.json")), ids=lambda p: p.stem)
def test_xgboost_files_of_versions_1_to_3(path: Path) -> None:
    """Margins that the library itself wrote beside its model, NaN features included: bit for bit."""
    reference = json.loads(path.read_text())["reference"]
    features = np.array(reference["features"], np.float64)
    ensemble = convert(path)
    assert np.isnan(features).any()
    np.testing.assert_array_equal(ensemble.margin(features), np.array(reference["margin"], np.float32))


def test_xgboost_binary_and_early_stopping() -> None:
    import xgboost

    model = xgboost.XGBClassifier(
        n_estimators=60, max_depth=4, learning_rate=1.0, early_stopping_rounds=2, n_jobs=1
    )
    noisy = np.where(RNG.random(len(BINARY)) < 0.2, 1 - BINARY, BINARY)
    model.fit(WITH_MISSING[:700], noisy[:700], eval_set=[(WITH_MISSING[700:], noisy[700:])], verbose=False)
    ensemble = convert(model)
    assert len(ensemble.trees) == model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    margin = ensemble.margin(WITH_MISSING)
    np.testing.assert_array_equal(margin[:, 0], model.predict(WITH_MISSING, output_margin=True))
    probability = apply_link(ensemble.link, margin)[:, 0]
    assert np.abs(probability - model.predict_proba(WITH_MISSING)[:, 1]).max() < 1e-6


def test_xgboost_multiclass_vector_of_base_scores() -> None:
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(X, CLASSES)
    ensemble = convert(model)
    assert len(set(ensemble.base)) == 3
    np.testing.assert_array_equal(ensemble.margin(X), model.predict(X, output_margin=True))


@pytest.mark.parametrize("objective", ["binary:logitraw", "binary:hinge", "reg:quantileerror"])
def test_xgboost_base_score_of_raw_outputs(objective: str) -> None:
    """These objectives start at base_score itself: a logit of it would shift every score."""
    import xgboost

    parameters: dict[str, Any] = {"objective": objective, "max_depth": 2, "base_score": 0.3}
    if "quantile" in objective:
        parameters["quantile_alpha"] = 0.4
    data = xgboost.DMatrix(X, label=BINARY)
    booster = xgboost.train(parameters, data, 3)
    np.testing.assert_array_equal(convert(booster).margin(X)[:, 0], booster.predict(data, output_margin=True))


def test_xgboost_declared_missing_value() -> None:
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=4, max_depth=3, missing=0.0, n_jobs=1).fit(X, SIGNAL)
    np.testing.assert_array_equal(convert(model).margin(X)[:, 0], model.predict(X))


def sklearn_models() -> dict[str, tuple[Any, np.ndarray]]:
    import sklearn.ensemble as e

    few: dict[str, Any] = {"max_depth": 3, "random_state": 1}
    return {
        "gradient": (e.GradientBoostingClassifier(n_estimators=8, **few), BINARY),
        "gradient-zero": (e.GradientBoostingClassifier(n_estimators=4, init="zero", **few), BINARY),
        "gradient-exponential": (
            e.GradientBoostingClassifier(n_estimators=4, loss="exponential", **few),
            BINARY,
        ),
        "gradient-classes": (e.GradientBoostingClassifier(n_estimators=4, **few), CLASSES),
        "gradient-regression": (e.GradientBoostingRegressor(n_estimators=8, **few), SIGNAL),
        "histogram": (e.HistGradientBoostingClassifier(max_iter=8, **few), BINARY),
        "histogram-classes": (e.HistGradientBoostingClassifier(max_iter=4, **few), CLASSES),
        "histogram-regression": (e.HistGradientBoostingRegressor(max_iter=4, **few), SIGNAL),
        "forest": (e.RandomForestClassifier(n_estimators=8, **few), BINARY),
        "forest-classes": (e.RandomForestClassifier(n_estimators=5, **few), CLASSES),
        "forest-regression": (e.RandomForestRegressor(n_estimators=8, **few), SIGNAL),
        "extra": (e.ExtraTreesClassifier(n_estimators=8, **few), BINARY),
        "extra-regression": (e.ExtraTreesRegressor(n_estimators=8, **few), SIGNAL),
    }


def sklearn_raw(model: Any, x: np.ndarray) -> np.ndarray:
    name = type(model).__name__
    if "Regressor" in name:
        return model.predict(x)[:, None]
    if "Forest" in name or "Extra" in name:
        probability = model.predict_proba(x)
        return probability[:, 1:] if probability.shape[1] == 2 else probability
    return model.decision_function(x).reshape(len(x), -1)


@pytest.mark.parametrize("name", sorted(sklearn_models()))
def test_scikit_learn(name: str) -> None:
    model, target = sklearn_models()[name]
    model.fit(X, target)
    ensemble = convert(model)
    ours, theirs = ensemble.margin(X), sklearn_raw(model, X)
    assert ours.shape == theirs.shape
    if "histogram" in name:  # each iteration's trees are added in blocks of classes: order differs
        assert np.abs(ours - theirs).max() <= rounding(ensemble.leaves(X), np.float64)
    else:
        np.testing.assert_array_equal(ours, theirs)
    if name == "forest":  # conifer 1.11 returns the probability of class 0
        assert np.corrcoef(ours[:, 0], BINARY)[0, 1] > 0.3


def test_scikit_learn_missing_values_in_histograms() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=5, max_depth=3).fit(WITH_MISSING, BINARY)
    difference = convert(model).margin(WITH_MISSING)[:, 0] - model.decision_function(WITH_MISSING)
    assert np.abs(difference).max() < 1e-14


def test_forest_that_splits_missing_from_present() -> None:
    """Such a split has an infinite threshold."""
    from sklearn.ensemble import RandomForestClassifier

    absent = np.isnan(WITH_MISSING[:, 0]).astype(int)
    model = RandomForestClassifier(n_estimators=3, max_depth=2, max_features=None, random_state=1)
    model.fit(WITH_MISSING, absent)
    assert any(np.isinf(tree.tree_.threshold).any() for tree in model.estimators_)
    np.testing.assert_array_equal(convert(model).margin(X), model.predict_proba(X)[:, 1:])
    ours = convert(model).margin(WITH_MISSING)
    np.testing.assert_array_equal(ours, model.predict_proba(WITH_MISSING)[:, 1:])


@pytest.mark.parametrize("share", [1.0, 0.6, 0.2])
def test_isolation_forest(share: float) -> None:
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(n_estimators=10, max_samples=64, max_features=share, random_state=2).fit(X)
    ensemble = convert(model)
    score = apply_link(ensemble.link, ensemble.margin(X))[:, 0]
    assert np.abs(score - model.score_samples(X)).max() < 1e-14


def test_lightgbm() -> None:
    import lightgbm

    quiet: dict[str, Any] = {"num_leaves": 9, "verbose": -1, "n_jobs": 1, "random_state": 1}
    for model, x, target in (
        (lightgbm.LGBMClassifier(n_estimators=8, **quiet), X, BINARY),
        (lightgbm.LGBMClassifier(n_estimators=4, **quiet), WITH_MISSING, CLASSES),
        (lightgbm.LGBMRegressor(n_estimators=4, **quiet), WITH_MISSING, SIGNAL),
        (lightgbm.LGBMRegressor(n_estimators=4, objective="mape", **quiet), X, SIGNAL),
        (lightgbm.LGBMClassifier(n_estimators=4, objective="multiclassova", **quiet), X, CLASSES),
        (
            lightgbm.LGBMClassifier(
                n_estimators=4, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **quiet
            ),
            X,
            BINARY,
        ),
    ):
        model.fit(x, target)
        ensemble = convert(model)
        if ensemble.divisor > 1:  # raw_score of LightGBM's forests is not averaged, its probability is
            assert np.array_equal(expit(ensemble.margin(x)[:, 0]), model.predict_proba(x)[:, 1])
            continue
        theirs = model.booster_.predict(x, raw_score=True).reshape(len(x), -1)
        assert np.abs(ensemble.margin(x) - theirs).max() <= rounding(ensemble.leaves(x), np.float64)


@pytest.mark.parametrize(
    ("learner", "options", "target"),
    [
        ("GradientBoostedTreesLearner", {"num_trees": 6}, BINARY),
        ("GradientBoostedTreesLearner", {"num_trees": 4}, CLASSES),
        ("RandomForestLearner", {"num_trees": 6, "winner_take_all": True}, BINARY),
        ("RandomForestLearner", {"num_trees": 6, "winner_take_all": False}, CLASSES),
        ("IsolationForestLearner", {"num_trees": 6}, None),
    ],
)
def test_ydf(learner: str, options: dict[str, Any], target: np.ndarray | None) -> None:
    import ydf

    data: dict[str, np.ndarray] = {f"f{i}": column for i, column in enumerate(X.T)}
    if "Gradient" in learner:
        options = {**options, "validation_ratio": 0.0, "early_stopping": "NONE", "apply_link_function": False}
    if target is None:
        model = ydf.IsolationForestLearner(max_depth=4, **options).train(data, verbose=0)
    else:
        build = getattr(ydf, learner)
        model = build(label="y", max_depth=4, num_threads=1, **options).train(
            {**data, "y": target}, verbose=0
        )
    ensemble = convert(model)
    x = np.stack([data[name] for name in ensemble.feature_names], axis=1)
    theirs, ours = model.predict(data).reshape(len(x), -1), ensemble.margin(x)
    if target is None:
        assert np.abs(-apply_link("isolation", ours) - theirs).max() < 1e-6
    else:
        assert np.abs(ours - theirs).max() <= rounding(ensemble.leaves(x), np.float32)


def test_files_of_the_libraries_own_formats(tmp_path: Path) -> None:
    import lightgbm
    import xgboost

    first = xgboost.XGBClassifier(n_estimators=3, max_depth=3, n_jobs=1).fit(X, BINARY)
    first.get_booster().save_model(tmp_path / "model.ubj")
    np.testing.assert_array_equal(convert(tmp_path / "model.ubj").margin(X), convert(first).margin(X))
    second = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, BINARY)
    second.booster_.save_model(tmp_path / "model.txt")
    np.testing.assert_array_equal(convert(tmp_path / "model.txt").margin(X), convert(second).margin(X))
    for name in ("bad.ubj", "bad.txt"):
        with pytest.raises(InputError, match="no such file"):
            convert(tmp_path / name)
        (tmp_path / name).write_text("nothing")
        with pytest.raises(InputError, match="library cannot read it"):
            convert(tmp_path / name)
    cut_off = (tmp_path / "model.txt").read_text()[:900]  # LightGBM crashes the process that reads this
    (tmp_path / "bad.txt").write_text(cut_off)
    with pytest.raises(InputError, match="library cannot read it"):
        convert(tmp_path / "bad.txt")


def test_refusals_name_the_cause() -> None:
    import lightgbm
    import sklearn.ensemble as e
    import xgboost

    categories = np.abs(X.astype(int)) % 7
    hist = e.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(categories, BINARY)
    with pytest.raises(InputError, match="categorical split"):
        convert(hist)
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1, min_data_per_group=1)
    with pytest.raises(InputError, match="categorical split"):
        convert(model.fit(categories, categories[:, 0] % 2, categorical_feature=[0]))
    zero = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1, zero_as_missing=True)
    with pytest.raises(InputError, match="zero is declared missing"):
        convert(zero.fit(X, BINARY))
    linear = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1, n_jobs=1, linear_tree=True)
    with pytest.raises(InputError, match="linear leaf"):
        convert(linear.fit(X, SIGNAL))
    vector = xgboost.XGBRegressor(n_estimators=2, multi_strategy="multi_output_tree", n_jobs=1)
    with pytest.raises(InputError, match=r"targets|vector leaves"):
        convert(vector.fit(X, X[:, :2]))
    with pytest.raises(InputError, match="not an ensemble of trees"):
        convert(xgboost.XGBRegressor(booster="gblinear", n_estimators=2, n_jobs=1).fit(X, SIGNAL))
    start = e.GradientBoostingRegressor(n_estimators=2, init=e.RandomForestRegressor(n_estimators=2))
    with pytest.raises(InputError, match="start value"):
        convert(start.fit(X, SIGNAL))
    with pytest.raises(InputError, match="not supported"):
        convert(e.AdaBoostClassifier(n_estimators=2).fit(X, BINARY))
    with pytest.raises(InputError, match="not trained"):
        convert(e.RandomForestClassifier())
    with pytest.raises(InputError, match="cannot convert this"):
        convert(42)


def test_bad_files(tmp_path: Path) -> None:
    document = json.loads((DATA / "xgboost-3.2.0-binary.json").read_text())
    document["learner"]["objective"]["name"] = "survival:cox"
    with pytest.raises(InputError, match="survival:cox"):
        from_document(document, "model.json")
    del document["learner"]["objective"]
    with pytest.raises(InputError, match=r"model.json: objective.name: model lacks an entry"):
        from_document(document, "model.json")
    for path, wrong in (
        (("trees", 0, "left_children", 0), 99),
        (("trees", 0, "left_children", 0), -5),
        (("trees", 0, "split_indices", 0), -3),
        (("trees", 0, "split_conditions", 0), "x"),
        (("trees", 0, "split_conditions"), [0.0]),
        (("trees",), None),
        (("tree_info",), [0]),
        (("tree_info",), [7] * 99),
    ):
        document = json.loads((DATA / "xgboost-3.2.0-binary.json").read_text())
        place: Any = document["learner"]["gradient_booster"]["model"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = wrong
        (tmp_path / "damaged.json").write_text(json.dumps(document))
        with pytest.raises(InputError, match=r"damaged|tree splits on|for each of"):
            convert(tmp_path / "damaged.json")
    broken = tmp_path / "model.json"
    broken.write_text('{"learner": ')
    with pytest.raises(InputError, match="is not JSON"):
        convert(broken)
    with pytest.raises(InputError, match="cannot read"):
        convert(tmp_path / "absent.json")
    with pytest.raises(InputError, match="cannot convert this file"):
        convert(tmp_path / "model.pkl")
