"""Simulated muons: bending against reference values, efficiency, seeds."""

import dataclasses

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.simulation.muons import LAYERS, NO_STUB, MuonSettings, generate
from l1forge.simulation.muons.candidates import NO_REFERENCE, reference_numbers
from l1forge.simulation.muons.generate import CHUNK
from l1forge.simulation.muons.layers import BENDING, NAMES, SECTOR_HALF_WIDTH
from l1forge.simulation.muons.sample import order_slots

CLEAN = MuonSettings(noise=0.0, punch_through=0.0, secondaries=False)
PLACE = {name: number for number, name in enumerate(NAMES)}


def muons_at(pt, n=6000, **changes):
    return generate(n, 5, dataclasses.replace(CLEAN, pt_min=0.99 * pt, pt_max=1.01 * pt, **changes))


def bending(sample, layer, charge=1):
    """Median azimuth of `layer` minus that of MB1, or the median bending angle, for one charge."""
    value = sample.value[sample.charge == charge, :, 0].astype(float)
    value[value == NO_STUB] = np.nan
    place = PLACE[layer]
    return np.nanmedian(value[:, place] - (0 if BENDING[place] else value[:, PLACE["MB1"]]))


@pytest.mark.parametrize(
    ("pt", "layer", "full_simulation", "tolerance"),
    [(10, "MB2", -16, 2), (20, "MB2", -8, 2), (10, "ME1/3", -22, 2), (10, "MB1b", -65, 5)],
)
def test_bending_agrees_with_full_simulation(pt, layer, full_simulation, tolerance):
    assert abs(bending(muons_at(pt), layer) - full_simulation) <= tolerance


def test_charges_bend_opposite_ways():
    sample = muons_at(10)
    for layer in ("MB2", "ME1/3", "MB1b"):  # medians of integers
        assert abs(bending(sample, layer, 1) + bending(sample, layer, -1)) <= 2


def test_layers_are_efficient_inside_their_acceptance():
    value = muons_at(50).value[:, :, 0]
    share = (value != NO_STUB).mean(axis=0)
    assert 0.8 < share[PLACE["MB1"]] < LAYERS[0].efficiency + 0.01
    with_stub = value[:, PLACE["MB1"]] != NO_STUB
    assert (value[with_stub, PLACE["MB1b"]] != NO_STUB).mean() == pytest.approx(0.92, abs=0.02)


def test_bending_layers_have_a_stub_only_where_their_layer_has():
    value = generate(3000, 3).value
    for place in np.flatnonzero(BENDING):
        assert not ((value[:, place] != NO_STUB) & (value[:, place - 1] == NO_STUB)).any()


def test_stubs_are_inside_the_sector_and_ordered():
    sample = generate(3000, 3)
    phi = sample.value[:, ~BENDING]
    used = phi != NO_STUB
    assert np.abs(phi[used]).max() <= SECTOR_HALF_WIDTH
    both = used[..., 0] & used[..., 1]
    assert both.any()
    assert (phi[..., 0] <= phi[..., 1])[both].all()
    assert used[..., 0][used[..., 1]].all()


def same(one, other):
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(type(one))
    )


def test_equal_seeds_give_equal_muons_for_any_number_of_processes():
    n = CHUNK + 500
    first = generate(n, 7)
    assert same(first, generate(n, 7))
    assert same(first, generate(n, 7, processes=2))
    assert not same(first, generate(n, 8))


def test_displacement_and_noise_change_what_they_should():
    straight, displaced = muons_at(30), muons_at(30, displacement=100.0)
    assert np.abs(straight.displacement).max() == 0
    assert np.abs(displaced.displacement).max() > 90
    angle = [
        s.value[:, PLACE["MB1b"], 0][s.value[:, PLACE["MB1b"], 0] != NO_STUB] for s in (straight, displaced)
    ]
    assert angle[1].std() > 2 * angle[0].std()
    assert (muons_at(30, noise=0.3).value != NO_STUB).sum() > 1.2 * (straight.value != NO_STUB).sum()


def test_reference_is_the_first_reference_layer_and_needs_the_dt_angle():
    value, quality = np.full((4, 18, 2), NO_STUB, np.int16), np.zeros((4, 18, 2), np.int16)
    value[0, 0, 0], value[0, 7, 0] = 5, 9  # MB1 without an angle: ME2/3 is next
    value[1, 0, 0], value[1, 1, 0], value[1, 7, 0] = 5, -3, 9
    value[2, 17, 0] = 4  # RE3/3 is no reference layer
    numbers = reference_numbers(value, quality)
    assert numbers.tolist() == [1, 0, NO_REFERENCE, NO_REFERENCE]


def test_order_slots_keeps_angles_with_their_stub():
    value = np.full((1, 18, 2), NO_STUB, np.int16)
    value[0, 0], value[0, 1] = (40, -7), (11, NO_STUB)
    quality = np.zeros_like(value)
    quality[0, 0] = (6, 2)
    order_slots(value, quality)
    assert value[0, 0].tolist() == [-7, 40]
    assert value[0, 1].tolist() == [NO_STUB, 11]
    assert quality[0, 0].tolist() == [2, 6]


@pytest.mark.parametrize(
    "settings", [{"pt_min": 0.0}, {"pt_min": 5.0, "pt_max": 4.0}, {"displacement": -1.0}, {"noise": 1.5}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        MuonSettings(**settings)


def test_no_muons_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        generate(0, 1)
