"""The study of calorimeter images on a few of the committed ones: every score, every table, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.simulation.images import FOLDER as IMAGES
from l1forge.simulation.images import read_images, write_images
from l1forge.studies import calorimeter as study
from l1forge.studies.calorimeter_files import page, tables_of


def first_images(folder: Path, name: str, n: int) -> Path:
    """A file of the first images of a committed one."""
    found = read_images(IMAGES / f"{name}.parquet")
    about = {"events": found.events, "first": found.first}
    write_images(folder / f"{name}.parquet", found.images[:n], about)
    return folder / f"{name}.parquet"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> study.CalorimeterStudy:
    folder = tmp_path_factory.mktemp("images")
    return study.evaluate(
        zero_bias=first_images(folder, "zerobias", 6000),
        signals={"ttbar": first_images(folder, "ttbar", 300)},
        blind={"A4l": first_images(folder, "A4l", 200)},
        menu=DEFAULT,
        networks=None,
        replicas=20,
    )


def test_every_score_has_every_efficiency(found: study.CalorimeterStudy) -> None:
    assert (found.fitted, found.judged) == (4000, 2000)
    assert found.groups == {"ttbar": "validation", "A4l": "blind"}
    assert found.images == {"ttbar": 300, "A4l": 200}
    assert set(found.scores) == {
        study.STUDENT, study.VAE, study.TAILS, study.BOTH, study.SUM, study.LARGEST, study.ACTIVE,
        study.TOWERS, study.CUTS,
    }  # fmt: skip
    for kind in (study.PURE, study.TOTAL):
        gains = [found.of(study.STUDENT, "ttbar", kind, rate).value for rate in study.RATES_KHZ[kind]]
        assert gains == sorted(gains)
    assert found.of(study.LARGEST, "ttbar", study.PURE, 10.0).value < 0.1
    # 2 000 crossings are 15 kHz each: a pure rate of 10 kHz is above the largest score
    assert found.of(study.STUDENT, "ttbar", study.TOTAL, 30.0).value > 0


def test_what_the_vae_accepts_is_not_gained_again(found: study.CalorimeterStudy) -> None:
    for rate in study.RATES_KHZ[study.BESIDE]:
        for signal in found.signals:
            beside = found.of(study.STUDENT, signal, study.BESIDE, rate).value
            assert 0 <= beside <= 1
    assert not any(e.score in (study.VAE, study.BOTH) and e.kind == study.BESIDE for e in found.efficiencies)


def test_tables_and_files(found: study.CalorimeterStudy, tmp_path: Path) -> None:
    text = page(found)
    assert all(title in text for title, _, _ in tables_of())
    assert "A4l (blind)" in text
    names = found.save(tmp_path / "out")
    assert names == ("calorimeter.json", "calorimeter.md", "calorimeter_gain.png", "calorimeter_roc.png")
    report = json.loads((tmp_path / "out" / "calorimeter.json").read_text())
    assert report["judged"] == 2000
    assert len(report["thresholds"]) == 4


def test_a_graph_of_other_inputs_is_refused(tmp_path: Path) -> None:
    from l1forge.models import graph_path

    with pytest.raises(InputError, match="is no score of 252 regions"):
        study.evaluate(
            zero_bias=first_images(tmp_path, "zerobias", 50),
            signals={},
            menu=DEFAULT,
            graph=graph_path("vae"),
            networks=None,
        )


def test_two_signals_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two signals have one name"):
        study.evaluate(blind={"ttbar": IMAGES / "ttbar.parquet"}, menu=DEFAULT)


def test_equal_scores_pass_together() -> None:
    def sample(scores: list[int]) -> study.ScoredSample:
        n = len(scores)
        return study.ScoredSample({"s": np.array(scores)}, np.zeros(n, bool), np.ones(n))

    found = study._roc("s", "signal", sample([0, 0, 0, 5]), sample([0, 5, 7, 0]))
    assert found.zero_bias.tolist() == [0.25, 1.0]
    assert found.efficiency.tolist() == [0.5, 1.0]


def test_the_threshold_takes_the_rate() -> None:
    scores = np.arange(1000)
    sample = study.ScoredSample({study.STUDENT: scores}, np.zeros(1000, bool), np.ones(1000))
    found = study._thresholds(sample, full=1000.0)
    assert found == {"1": 999, "3": 997, "5": 995, "10": 990}
    assert (scores >= found["5"]).sum() == 5
