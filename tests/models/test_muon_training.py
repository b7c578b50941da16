"""Training of the muon networks: reproducible from the seed, as sparse as asked."""

import warnings

import numpy as np
import pytest

from l1forge.models.muon_pt.bins import N_BINS, log_prior


@pytest.fixture(scope="module")
def train():
    with warnings.catch_warnings():  # torch and Brevitas warn about each other on import
        warnings.simplefilter("ignore")
        import l1forge.models.muon_pt.train

        return l1forge.models.muon_pt.train


def weights(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.filterwarnings("ignore")
def test_equal_seeds_train_equal_sparse_networks(train, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "export", lambda model, path: None)
    options = train.Options(muons=12_000, epochs=1, quantised_epochs=1)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lines = []
        train.train_network(train.SMALL, 5, tmp_path / name, options, report=lines.append)
    assert "seed 5" in lines[0]
    one, two = (weights(tmp_path / name / "weights.npz") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    dense = [value for name, value in one.items() if name.endswith("weight") and value.ndim == 2]
    assert len(dense) == 4
    for value in dense:
        assert abs((value != 0).mean() - 0.5) < 0.01


def test_the_prior_falls_with_pt_and_its_power_scales_it():
    prior = log_prior()
    assert prior.shape == (N_BINS,)
    assert prior.max() == 0
    assert (np.diff(prior[5:]) < 0).all()
    assert np.allclose(log_prior(0.5), prior / 2)
    assert not log_prior(0.0).any()
