"""Noise of many orbits at once, and the random numbers behind it, are those of NumPy's generators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1forge.emulator.lhc import LHC, ORBIT, FillingScheme
from l1forge.emulator.stream.injection import Noise, OrbitRandom
from l1forge.emulator.stream.philox import uniforms_below

SCHEMES = {
    "LHC": LHC,
    "nothing collides": FillingScheme("none", np.zeros(ORBIT, bool)),
    "everything collides": FillingScheme("all", np.ones(ORBIT, bool)),
    "every third": FillingScheme("third", np.arange(ORBIT) % 3 == 0),
}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**128 - 1),
    first=st.integers(0, 2**40),
    blocks=st.integers(1, 40),
    wanted=st.randoms(use_true_random=False),
    probability=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 2.0**-53, 1 - 2.0**-53])),
)
def test_numbers_below_a_limit_are_those_of_numpy(seed, first, blocks, wanted, probability) -> None:
    mask = np.array([wanted.random() < 0.3 for _ in range(4 * blocks)])
    bits = np.random.Philox(key=seed)
    start = bits.state
    expected = []
    for orbit in range(first, first + 3):
        start["state"]["counter"][3] = orbit
        bits.state = start
        expected.append(mask & (np.random.Generator(bits).random(mask.size) < probability))
    found = uniforms_below(start["state"]["key"], range(first, first + 3), mask, probability)
    np.testing.assert_array_equal(found, np.flatnonzero(np.concatenate(expected)))


def test_a_number_at_the_limit_is_not_below_it() -> None:
    bits = np.random.Philox(key=7)
    key = bits.state["state"]["key"]
    numbers = np.random.Generator(bits).random(8)
    for i, number in enumerate(numbers):
        above = np.nextafter(number, 1)
        assert i not in uniforms_below(key, range(1), np.ones(8, bool), number)
        assert i in uniforms_below(key, range(1), np.ones(8, bool), above)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("probability", [0.001, 0.2, 1.0])
def test_noise_of_many_orbits_is_that_of_each(scheme: FillingScheme, probability: float) -> None:
    noise, orbits = Noise(probability), range(5, 12)
    at, columns = noise.draw_first(scheme, OrbitRandom(3), orbits)
    random = OrbitRandom(3)
    single = [noise.draw(scheme, random.of(orbit)) for orbit in orbits]
    np.testing.assert_array_equal(
        at, np.concatenate([place + ORBIT * i for i, (place, _) in enumerate(single)])
    )
    assert not scheme.colliding[at % ORBIT].any()
    for name, values in columns.items():
        assert values.dtype == np.int16
        np.testing.assert_array_equal(values, np.concatenate([one[name] for _, one in single]))


def test_a_generator_behind_numbers_goes_on_where_they_end() -> None:
    random = OrbitRandom(2)
    whole = random.of(9).random(ORBIT + 5)
    np.testing.assert_array_equal(random.of(9, ORBIT).random(5), whole[ORBIT:])
