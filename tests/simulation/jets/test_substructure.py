"""Substructure of jets against fastjet and against the definitions, written out."""

import itertools
import math

import numpy as np
import pytest

from l1forge.simulation.jets import FEATURES
from l1forge.simulation.jets.substructure import correlations, features, groomed


def _jet(seed, n):
    rng = np.random.default_rng(seed)
    pt = np.sort(rng.exponential(20, n) + 0.5)[::-1]
    return pt, rng.normal(0.3, 0.25, n), rng.normal(0.1, 0.25, n)


def _momenta(pt, eta, phi):
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], 1)


@pytest.mark.parametrize("seed", range(12))
def test_grooming_is_that_of_fastjet(seed):
    import fastjet

    particles = _momenta(*_jet(seed, 5 + 9 * seed))
    jets = [fastjet.PseudoJet(*map(float, p)) for p in particles]
    for i, jet in enumerate(jets):
        jet.set_user_index(i)
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0)
    sequence = fastjet.ClusterSequence(jets, definition)
    (top,) = sequence.inclusive_jets()
    a, b = fastjet.PseudoJet(), fastjet.PseudoJet()
    while top.has_parents(a, b):
        a, b = (a, b) if a.pt() > b.pt() else (b, a)
        if b.pt() > 0.1 * (a.pt() + b.pt()):
            break
        top = fastjet.PseudoJet(a)
    expected = sorted(p.user_index() for p in top.constituents())
    assert np.flatnonzero(groomed(particles)).tolist() == expected


def test_correlations_are_the_sums_of_their_definition():
    pt, eta, phi = _jet(3, 9)
    z = pt / pt.sum()

    def distance(i, j):
        return math.hypot(eta[i] - eta[j], phi[i] - phi[j])

    pairs = [(z[i] * z[j], distance(i, j)) for i, j in itertools.combinations(range(9), 2)]
    triples = [
        (z[i] * z[j] * z[k], sorted((distance(i, j), distance(i, k), distance(j, k))))
        for i, j, k in itertools.combinations(range(9), 3)
    ]
    expected = [sum(w * d**beta for w, d in pairs) for beta in (0, 1, 2)]
    expected += [sum(w * math.prod(d) ** beta for w, d in triples) for beta in (1, 2)]
    expected += [sum(w * d[0] ** beta for w, d in triples) for beta in (1, 2)]
    expected += [sum(w * (d[0] * d[1]) ** beta for w, d in triples) for beta in (1, 2)]
    assert correlations(z, eta, phi) == pytest.approx(expected)


def test_angles_are_taken_around_the_circle():
    eta = np.array([0.0, 0.1, -0.2])
    here, there = np.array([0.1, -0.1, 0.2]), np.array([np.pi + 0.1 - 2 * np.pi, np.pi - 0.1, np.pi + 0.2])
    z = np.array([0.5, 0.3, 0.2])
    assert correlations(z, eta, here) == pytest.approx(correlations(z, eta, there))


def test_two_particles_have_the_mass_of_the_pair_and_no_triples():
    one, zero = np.array([100.0, 80.0]), np.array([0.0, 0.0])
    found = dict(zip(FEATURES, features(one, zero, np.array([0.3, -0.3])), strict=True))
    assert found["mass_mmdt"] == pytest.approx(math.sqrt(2 * 100 * 80 * (1 - math.cos(0.6))))
    assert found["c1_b1_mmdt"] == pytest.approx(100 * 80 / 180**2 * 0.6)
    assert found["multiplicity"] == 2
    assert all(found[name] == 0 for name in FEATURES if name[:2] in ("c2", "d2", "m2", "n2"))


def test_one_particle_and_none_are_defined():
    alone = features(np.array([50.0]), np.zeros(1), np.zeros(1))
    assert alone[FEATURES.index("multiplicity")] == 1
    assert not np.delete(alone, FEATURES.index("multiplicity")).any()


def test_soft_wide_particles_are_groomed_away():
    pt, eta = np.array([100.0, 90.0, 1.0]), np.array([0.0, 0.2, 0.0])
    kept = groomed(_momenta(pt, eta, np.array([0.0, 0.0, 0.9])))
    assert kept.tolist() == [True, True, False]
