"""Jets from Pythia: reproducible whatever runs beside it, and with the mass of what they are of."""

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.simulation.jets import CLASSES, FEATURES, PT_UNIT, production
from l1forge.simulation.jets.files import read
from l1forge.simulation.jets.generate import generate, rounded

MASS = FEATURES.index("mass_mmdt")


@pytest.fixture(scope="module")
def jets():
    return generate("w", 40, 3, 0)


def test_jets_of_w_have_its_mass(jets):
    assert 72 < np.median(jets.features[:, MASS]) < 86
    assert (jets.truth == CLASSES.index("w")).all()
    assert (jets.jet_pt > 800).all()
    assert (jets.jet_pt < 1400).all()


def test_constituents_fall_in_momentum_around_the_axis(jets):
    momenta = jets.pt.astype(int)
    assert (np.diff(momenta, axis=1) <= 0).all()
    weighted = (momenta * jets.eta).sum(1) / momenta.sum(1)
    assert np.abs(weighted).mean() < 20  # of 183 that are the radius
    assert (momenta.sum(1) * PT_UNIT < 1.01 * jets.jet_pt).all()
    assert (jets.features[:, FEATURES.index("multiplicity")] == jets.n_constituents).all()


def test_a_chunk_is_the_same_again_and_another_number_is_not(jets):
    again = generate("w", 5, 3, 0)
    np.testing.assert_array_equal(again.features, jets.features[:5])
    np.testing.assert_array_equal(again.pt, jets.pt[:5])
    other = generate("w", 5, 3, 1)
    assert not np.array_equal(other.features, again.features)


def test_rounding_keeps_eleven_bits():
    values = np.array([0.0, 1 / 3, -1e-7, 537.123])
    found = rounded(values)
    np.testing.assert_allclose(found, values, rtol=2**-11)
    assert found[0] == 0


def test_a_run_goes_on_where_it_stopped_and_mixes_the_classes(tmp_path, monkeypatch, jets):
    made = []

    def chunk(name, n, seed, number):
        from dataclasses import replace

        made.append((name, number))
        part = jets[np.arange(n) % jets.n]
        return replace(part, truth=np.full(n, CLASSES.index(name), np.uint8))

    monkeypatch.setattr(production, "generate", chunk)
    monkeypatch.setattr(production, "CHUNK", 30)
    run = production.JetRun(50, 9, tmp_path)
    first = iter(run.make(1))
    next(first)
    assert len(made) == 1
    assert sum(run.make(1)) == 30 * 9
    assert len(made) == 10
    assert run.write(tmp_path / "jets.parquet") == 250
    found = read(tmp_path / "jets.parquet")
    assert np.bincount(found.truth).tolist() == [50] * 5
    assert len(np.unique(found.truth[:20])) > 2
    owners = {}
    for event, truth in zip(found.event.tolist(), found.truth.tolist(), strict=True):
        assert owners.setdefault(event, truth) == truth  # no event number is given twice


def test_limits_of_a_run(tmp_path):
    with pytest.raises(InputError, match="n: must lie"):
        production.JetRun(0, 1, tmp_path)
