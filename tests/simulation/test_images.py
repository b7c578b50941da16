"""Calorimeter images: regions of known towers, and images that belong to the crossings of an event file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events, write_events
from l1forge.emulator.events.objects import Events
from l1forge.simulation import images, production
from l1forge.simulation.geometry import N_HALF, N_PHI, PAD, empty_grid
from l1forge.simulation.images import ImageRun, read_images, write_images
from l1forge.simulation.pool import parts
from l1forge.simulation.production import Run, simulate
from l1forge.simulation.regions import N_REGIONS, REGION_MAX, region_sums
from l1forge.simulation.sums import tower_thresholds
from l1forge.simulation.towers import TOWER_MAX, wrap


def regions(towers: dict[tuple[int, int], int]) -> dict[int, int]:
    """Region -> energy of these towers (ieta, iphi) -> counts; ieta counts from the middle, -28 .. 27."""
    grid = empty_grid()
    for (ieta, iphi), code in towers.items():
        grid[N_HALF + ieta + PAD, iphi + PAD] = code
    wrap(grid)
    out = np.ones(N_REGIONS, np.uint16)
    region_sums(grid, tower_thresholds(), out)
    return {int(region): int(out[region]) for region in np.flatnonzero(out)}


@pytest.mark.parametrize(
    ("ieta", "iphi", "region"),
    [(-28, 0, 0), (-25, 3, 0), (-24, 0, 1), (27, 0, 13), (0, 0, 7), (-1, 0, 6), (-28, 4, 14), (27, 71, 251)],
)
def test_a_tower_lies_in_its_region(ieta: int, iphi: int, region: int) -> None:
    assert regions({(ieta, iphi): 40}) == {region: 40}


def test_towers_below_the_thresholds_of_ett_and_forward_towers_do_not_count() -> None:
    assert regions({(0, 0): 5, (23, 0): 19, (-18, 0): 9}) == {}
    assert regions({(0, 0): 6, (-18, 0): 10, (-25, 0): 20}) == {7: 6, 2: 10, 0: 20}
    assert regions({(28, 0): 200, (-29, 10): 200}) == {}


def test_a_region_is_the_sum_of_its_sixteen_towers_and_saturates() -> None:
    block = {(ieta, iphi): 10 for ieta in range(0, 4) for iphi in range(8, 12)}
    assert regions(block) == {2 * 14 + 7: 160}
    assert regions(dict.fromkeys(block, TOWER_MAX)) == {2 * 14 + 7: REGION_MAX}
    assert len(regions({(i, j): 40 for i in range(-28, 28) for j in range(N_PHI)})) == N_REGIONS


@pytest.fixture
def small(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ImageRun:
    """A run of three chunks whose events are written."""
    for module in (production, images):
        monkeypatch.setattr(module, "CHUNK", 4)
    simulate(run, tmp_path / "zb.parquet")
    return ImageRun(run, tmp_path / "zb.parquet", 3, 11)


def make(image_run: ImageRun, path: Path) -> images.ImageFile:
    for _ in image_run.make_chunks(1):
        pass
    assert image_run.write(path) == image_run.last - image_run.first
    return read_images(path)


def test_images_belong_to_the_crossings_of_the_file(small: ImageRun, tmp_path: Path) -> None:
    found = make(small, tmp_path / "images.parquet")
    assert (found.events, found.first, found.images.shape) == ("zb.parquet", 3, (8, N_REGIONS))
    assert found.images.any(axis=1).all()
    whole = make(replace(small, first=0, last=12), tmp_path / "all.parquet").images
    np.testing.assert_array_equal(found.images, whole[3:11])
    assert len(np.unique(whole.sum(1))) > 6


def test_a_signal_needs_only_the_collisions_that_are_shown(small: ImageRun, tmp_path: Path) -> None:
    run = replace(small.run, process="ttbar")
    simulate(run, tmp_path / "ttbar.parquet")
    image_run = ImageRun(run, tmp_path / "ttbar.parquet", 0, 6)
    own = {part.path for part in parts("ttbar", 6, run.seed, run.pools)}
    assert {part.path for part in image_run.pool_parts() if part.name == "ttbar"} == own
    assert len(make(image_run, tmp_path / "images.parquet").images) == 6


def test_one_other_object_is_noticed(small: ImageRun) -> None:
    events = Events.concatenate(list(read_events(small.events)))
    changed = {name: array.copy() for name, array in events.items()}
    changed["ett.et"][0, 6] ^= 1
    write_events(small.events, [Events(changed, events.n)])
    with pytest.raises(InputError, match=r"ett\.et, row 6: the simulation makes another crossing"):
        list(small.make_chunks(1))


def test_too_short_an_event_file_is_noticed(small: ImageRun) -> None:
    events = Events.concatenate(list(read_events(small.events)))
    write_events(small.events, [events.rows(0, 5)])
    with pytest.raises(InputError, match="holds fewer crossings"):
        list(small.make_chunks(1))


def test_what_is_no_image_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    for column, message in (
        (pa.array([[1] * 100], pa.list_(pa.int32(), 100)), "18 × 14 regions are expected"),
        (pa.array([[1.5] * N_REGIONS], pa.list_(pa.float32(), N_REGIONS)), "18 × 14 regions are expected"),
        (pa.array([[1] * N_REGIONS]), "18 × 14 regions are expected"),
        (pa.array([[None] * N_REGIONS], pa.list_(pa.int32(), N_REGIONS)), "18 × 14 regions are expected"),
        (pa.array([[-1] * N_REGIONS], pa.list_(pa.int32(), N_REGIONS)), "out of range .got -1"),
        (pa.array([[1024] * N_REGIONS], pa.list_(pa.int32(), N_REGIONS)), "out of range .got 1024"),
    ):
        pq.write_table(pa.table({"regions": column}), path)
        with pytest.raises(InputError, match=message):
            read_images(path)
    pq.write_table(pa.table({"other": [1]}), path)
    with pytest.raises(InputError, match="holds no calorimeter images"):
        read_images(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a readable parquet file"):
        read_images(path)


@pytest.mark.parametrize("first", [-1, "3", 1.5])
def test_a_wrong_first_crossing_is_refused(tmp_path: Path, first: object) -> None:
    write_images(tmp_path / "a.parquet", np.zeros((2, N_REGIONS), np.uint16), {"first": first})
    with pytest.raises(InputError, match="is not the number of a crossing"):
        read_images(tmp_path / "a.parquet")


def test_no_images_is_a_file_of_none(tmp_path: Path) -> None:
    write_images(tmp_path / "a.parquet", np.zeros((0, N_REGIONS), np.uint16), {})
    assert read_images(tmp_path / "a.parquet").images.shape == (0, N_REGIONS)
