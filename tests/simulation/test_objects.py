"""Known tower patterns must give known hardware objects."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.simulation import crossing
from l1forge.simulation.geometry import (
    HARDWARE_ETA,
    N_ETA,
    N_HALF,
    N_PHI,
    N_TOWERS,
    PAD,
    TOWER_ETA,
    TOWER_PHI,
    empty_grid,
    tower_index,
)
from l1forge.simulation.jet_finding import CALIBRATION as JET_TABLE
from l1forge.simulation.mixing import MAX_MUONS
from l1forge.simulation.taus import CALIBRATION as TAU_TABLE
from l1forge.simulation.towers import TOWER_MAX, digitise, wrap

CENTRAL = N_HALF + 3
FORWARD = N_ETA - 4


def objects(em: dict[tuple[int, int], int], had: dict[tuple[int, int], int]) -> Events:
    """The event made of these towers (ieta, iphi) -> code of 0.5 GeV."""
    grids = (empty_grid(), empty_grid())
    for grid, towers in zip(grids, (em, had), strict=True):
        for (ieta, iphi), code in towers.items():
            grid[ieta + PAD, iphi + PAD] = code
        wrap(grid)
    out = crossing.output_arrays(1)
    muons = np.zeros((MAX_MUONS, 4))
    rng = np.random.default_rng(0)
    crossing.find_objects(
        *(rng, *grids, grids[0] + grids[1], muons, 0, crossing.tables(), crossing.work_arrays(), 0, out)
    )
    return crossing.to_events(out, 1)


def slots(events: Events, kind: str, *fields: str) -> list[tuple[int, ...]]:
    """The objects that are there, as tuples of fields."""
    rows = zip(*(events[f"{kind}.{field}"][:, 0].tolist() for field in fields), strict=True)
    return [row for row in rows if any(row)]


def test_empty_calorimeter_gives_nothing() -> None:
    events = objects({}, {})
    assert all((events[name] == 0).all() for name in events)


@pytest.mark.parametrize(("ieta", "region"), [(CENTRAL, 0), (N_HALF - 20, 1), (FORWARD, 2)])
@pytest.mark.parametrize("iphi", [0, 1, 35, N_PHI - 1])
def test_one_hadronic_tower_is_one_jet(ieta: int, region: int, iphi: int) -> None:
    events = objects({}, {(ieta, iphi): 100})
    assert slots(events, "jet", "et", "eta", "phi") == [
        (int(JET_TABLE[region, 100]), int(HARDWARE_ETA[ieta]), 2 * iphi + 1)
    ]


@pytest.mark.parametrize("iphi", [0, 40, N_PHI - 1])
def test_one_electromagnetic_tower_is_one_isolated_egamma(iphi: int) -> None:
    events = objects({(CENTRAL, iphi): 80}, {})
    assert slots(events, "eg", "et", "eta", "phi", "iso") == [
        (80, int(HARDWARE_ETA[CENTRAL]), 2 * iphi + 1, 3)
    ]


def test_hadronic_energy_behind_the_cluster_vetoes_the_egamma() -> None:
    assert slots(objects({(CENTRAL, 9): 80}, {(CENTRAL, 9): 40}), "eg", "et") == []


def test_energy_around_the_cluster_breaks_isolation() -> None:
    ring = {(CENTRAL + 2, 10 + k): 20 for k in range(-3, 4, 2)}
    assert slots(objects({(CENTRAL, 10): 80}, ring), "eg", "et", "iso") == [(80, 0)]


def test_tau_joins_a_second_cluster_beside_it_in_phi() -> None:
    events = objects({}, {(CENTRAL, 5): 60, (CENTRAL, 7): 30})
    assert slots(events, "tau", "et", "eta", "phi", "iso")[0] == (
        int(TAU_TABLE[90]),
        int(HARDWARE_ETA[CENTRAL]),
        11,
        1,
    )


def test_window_sums_wrap_in_phi() -> None:
    events = objects({}, {(CENTRAL, 0): 60, (CENTRAL, N_PHI - 1): 40, (CENTRAL, N_PHI - 4): 30})
    assert slots(events, "jet", "et", "phi") == [(int(JET_TABLE[0, 130]), 1)]


def test_equal_towers_make_one_jet_also_across_the_seam() -> None:
    events = objects({}, {(CENTRAL, 0): 50, (CENTRAL, N_PHI - 1): 50})
    assert slots(events, "jet", "et", "phi") == [(int(JET_TABLE[0, 100]), 2 * (N_PHI - 1) + 1)]


def test_fine_position_follows_the_neighbours() -> None:
    events = objects({(CENTRAL, 20): 80, (CENTRAL, 19): 10, (CENTRAL - 1, 20): 6}, {})
    assert slots(events, "eg", "et", "eta", "phi") == [(96, int(HARDWARE_ETA[CENTRAL]) - 1, 40)]


def test_pile_up_is_subtracted_from_the_three_lowest_strips() -> None:
    everywhere = {(ieta, iphi): 1 for ieta in range(N_ETA) for iphi in range(N_PHI)}
    events = objects({}, {**everywhere, (CENTRAL, 30): 101})
    raw = 100 + 81 - 3 * 27
    assert slots(events, "jet", "et") == [(int(JET_TABLE[0, raw]),)]


def test_energies_saturate_to_all_ones() -> None:
    block = {(CENTRAL + de, 30 + dp): TOWER_MAX for de in range(-4, 5) for dp in range(-4, 5)}
    events = objects(block, block)
    for name in ("jet.et", "tau.et", "htt.et", "ett.et", "ett.em"):
        assert events[name][0, 0] == COLUMNS[name][1].maximum, name
    assert objects(block, {})["eg.et"][0, 0] == 511


def test_missing_energy_points_away_from_the_only_tower() -> None:
    events = objects({}, {(CENTRAL, 0): 200})
    assert events["etm.phi"][0, 0] == events["htm.phi"][0, 0] == 73  # 2.5 + 180 degrees
    assert events["etm.et"][0, 0] == 250  # 1.25 x 200
    assert events["htm.et"][0, 0] == events["htt.et"][0, 0] == JET_TABLE[0, 200]


def test_forward_energy_counts_in_etmhf_only() -> None:
    events = objects({}, {(FORWARD, 18): 200})
    assert events["etm.et"][0, 0] == events["ett.et"][0, 0] == events["htt.et"][0, 0] == 0
    assert events["etmhf.et"][0, 0] > 0
    assert events["htmhf.et"][0, 0] == JET_TABLE[2, 200]


def test_objects_are_sorted_and_the_largest_twelve_kept() -> None:
    towers = {(ieta, 12 * k + 3): 100 + 10 * k + ieta for k in range(6) for ieta in (5, 25, 50)}
    et = objects({}, towers)["jet.et"][:, 0]
    assert (et > 0).all()
    assert (np.diff(et.astype(int)) <= 0).all()
    assert et[0] == max(
        JET_TABLE[2, max(v for (i, _), v in towers.items() if i == 5)],
        *(JET_TABLE[r, v] for (i, _), v in towers.items() for r in [0 if i == 50 else 1] if i != 5),
    )


def test_every_tower_centre_finds_its_own_tower() -> None:
    eta, phi = np.repeat(TOWER_ETA, N_PHI), np.tile(TOWER_PHI, N_ETA)
    assert (tower_index(eta, phi) == np.arange(N_TOWERS)).all()
    assert (tower_index(eta, phi - 2 * np.pi) == np.arange(N_TOWERS)).all()
    assert (tower_index(np.array([5.3, -5.3]), np.zeros(2)) == -1).all()


def test_hardware_eta_is_odd_under_reflection() -> None:
    assert HARDWARE_ETA[N_HALF] == 1
    assert HARDWARE_ETA[N_HALF - 1] == -1
    assert (np.abs(HARDWARE_ETA + HARDWARE_ETA[::-1]) <= 1).all()


def test_digitise_saturates_towers_and_joins_forward_energy() -> None:
    em, had = np.zeros(N_TOWERS, np.float32), np.zeros(N_TOWERS, np.float32)
    em[CENTRAL * N_PHI] = 500.0
    em[FORWARD * N_PHI], had[FORWARD * N_PHI] = 3.0, 4.25
    grids = empty_grid(), empty_grid()
    digitise(np.random.default_rng(0), em, had, *grids)
    assert grids[0][CENTRAL + PAD, PAD] == TOWER_MAX
    assert grids[0][FORWARD + PAD, PAD] == 0
    assert grids[1][FORWARD + PAD, PAD] == 14
    assert grids[0][CENTRAL + PAD, PAD + N_PHI] == TOWER_MAX
