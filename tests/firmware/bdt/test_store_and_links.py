"""Ensembles kept as JSON read back exactly; links and their inverses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ensembles import random_ensemble

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.bdt import store
from l1forge.firmware.bdt.converters import convert
from l1forge.firmware.bdt.ensemble import Ensemble, TreeBuilder
from l1forge.firmware.bdt.link_functions import INVERSES, apply_link, threshold

KINDS = [FixedType(8, 4)] * 3


@pytest.mark.parametrize("missing", [float("nan"), -999.0])
def test_ensemble_reads_back_exactly(missing: float, tmp_path: Path) -> None:
    ensemble = replace(
        random_ensemble(3, KINDS, scores=2, on_grid=0.0), missing=missing, divisor=3.0, link="isolation"
    )
    store.save(ensemble, tmp_path / "model.json")
    again = convert(tmp_path / "model.json")
    store.save(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / "model.json").read_text()
    x = np.random.default_rng(0).normal(0, 8, (300, 3))
    np.testing.assert_array_equal(again.margin(x), ensemble.margin(x))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    store.save(random_ensemble(3, KINDS), path)
    document = json.loads(path.read_text())
    with pytest.raises(InputError, match="not an ensemble of this version"):
        store.from_document({**document, "version": 9}, "model.json")
    del document["trees"][0]["left"]
    with pytest.raises(InputError, match="left"):
        store.from_document(document, "model.json")


def one_split(threshold: float = 0.5, value: float = 1.0, base: float = 0.0, feature: int = 0) -> Ensemble:
    builder = TreeBuilder()
    builder.split(feature, threshold, False, lambda: builder.leaf(value), lambda: builder.leaf(0.0))
    return Ensemble((builder.tree(),), (0,), (base,), ("x",), "<", "hand")


def test_numbers_that_are_none_are_refused() -> None:
    for changes in ({"threshold": np.nan}, {"value": np.inf}):
        with pytest.raises(InputError, match="hand tree 0"):
            one_split(**changes)
    with pytest.raises(InputError, match="base score is not finite"):
        one_split(base=np.nan)
    with pytest.raises(InputError, match="beyond the 1 of the model"):
        one_split(feature=1)
    with pytest.raises(InputError, match="no trees"):
        replace(one_split(), trees=())
    with pytest.raises(InputError, match="features of shape"):
        one_split().margin(np.zeros((3, 2)))


@pytest.mark.parametrize("link", sorted(INVERSES))
def test_threshold_inverts_the_link(link: str) -> None:
    margin = 0.375
    output = float(apply_link(link, np.array([[margin]]))[0, 0])
    assert abs(threshold(link, output) - margin) < 1e-12


def test_cuts_without_a_raw_score_are_refused() -> None:
    for link, cut in (("logistic", 1.0), ("tanh", 2.0), ("exponential", -1.0), ("softmax", 0.5)):
        with pytest.raises(InputError):
            threshold(link, cut)
