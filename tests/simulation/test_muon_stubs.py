"""Stub files: round trip, foreign layouts, and the documented result of every kind of bad stub."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.errors import InputError
from l1forge.simulation.muons import NO_STUB, MuonSample, generate
from l1forge.simulation.muons.stubs import read_stubs, write_stubs


def table(**changes):
    columns = {
        "candidate": [0, 0, 1],
        "layer": [0, 7, 7],
        "phi": [10, 20, -30],
        "phib": [-5, NO_STUB, NO_STUB],
        "quality": [6, 5, 5],
    }
    return {name: np.array(column) for name, column in (columns | changes).items() if column is not None}


def saved(tmp_path, columns, kind="npz"):
    path = tmp_path / f"stubs.{kind}"
    if kind == "npz":
        np.savez(path, **columns)
    else:
        pq.write_table(pa.table(columns), path)
    return path


def test_written_samples_read_back_equal(tmp_path):
    sample = generate(500, 9)
    sample.value[3], sample.eta[3], sample.quality[3] = NO_STUB, 0, 0
    write_stubs(sample, tmp_path / "muons.parquet")
    back, report = read_stubs(tmp_path / "muons.parquet")
    assert (report.candidates, report.outside_sector, report.too_many) == (500, 0, 0)
    for field in dataclasses.fields(MuonSample):
        one, other = getattr(sample, field.name), getattr(back, field.name)
        assert np.array_equal(one.astype(other.dtype), other), field.name


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_literal_file(tmp_path, kind):
    sample, report = read_stubs(saved(tmp_path, table(), kind))
    assert len(sample) == report.candidates == 2
    assert sample.value[0, [0, 1, 7], 0].tolist() == [10, -5, 20]
    assert sample.value[1, [0, 7], 0].tolist() == [NO_STUB, -30]
    assert np.isnan(sample.pt).all()
    assert sample.charge.tolist() == [0, 0]


def test_angles_of_other_units_are_scaled(tmp_path):
    path = saved(tmp_path, table(phib=[-11, NO_STUB, NO_STUB]) | {"phib_units": np.array(1024)})
    assert read_stubs(path)[0].value[0, 1, 0] == -6  # floor(-5.5)
    assert read_stubs(path, phib_units=512)[0].value[0, 1, 0] == -11


def test_candidates_of_a_wider_sector_are_turned_into_ours(tmp_path):
    """Stubs at 601 and 600 bins: counted from their median (of two the lower); the other candidate stays."""
    sample, report = read_stubs(saved(tmp_path, table(phi=[601, 600, -600])))
    assert (report.recentred, report.outside_sector) == (1, 0)
    assert sample.value[0, [0, 7], 0].tolist() == [1, 0]
    assert sample.value[1, 7, 0] == -600


def test_stub_far_from_the_others_is_left_out_and_counted(tmp_path):
    columns = table(
        candidate=[0] * 4, layer=[0, 2, 7, 8], phi=[800, 790, 780, -700], phib=None, quality=[8] * 4
    )
    sample, report = read_stubs(saved(tmp_path, columns))
    assert (report.recentred, report.outside_sector) == (1, 1)
    assert sample.value[0, [0, 2, 7, 8], 0].tolist() == [20, 10, 0, NO_STUB]


def test_too_many_stubs_keep_the_best_quality(tmp_path):
    columns = table(candidate=[0] * 4, layer=[7] * 4, phi=[1, 2, 3, 4], phib=None, quality=[1, 5, 1, 3])
    sample, report = read_stubs(saved(tmp_path, columns))
    assert report.too_many == 2
    assert sample.value[0, 7].tolist() == [2, 4]


def test_large_angles_are_held_and_counted(tmp_path):
    sample, report = read_stubs(saved(tmp_path, table(phib=[5000, NO_STUB, NO_STUB])))
    assert report.saturated_angles == 1
    assert sample.value[0, 1, 0] == 1023


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        (table(layer=None), "layer"),
        (table(layer=[0, 18, 7]), "layer"),
        (table(layer=[0, 1, 7]), "layer"),
        (table(phi=[0.5, 1.0, 2.0]), "phi"),
        (table(quality=[1, 2, 99]), "quality"),
        (table(phi=[1, 2]), "phi"),
        (table(candidate=0), "candidate"),
        ({**table(), "pt": ["high"] * 3}, "pt"),
        ({**table(), "phib_units": float("nan")}, "phib_units"),
        ({**table(), "phib_units": 0}, "phib_units"),
        ({**table(), "phib_units": [1, 2]}, None),
    ],
)
def test_bad_columns_are_named(tmp_path, columns, field):
    with pytest.raises(InputError) as caught:
        read_stubs(saved(tmp_path, columns))
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["missing.npz", "text.npz", "text.parquet", "stubs.csv"])
def test_unreadable_files_are_one_clear_error(tmp_path, name):
    if name != "missing.npz":
        (tmp_path / name).write_text("no stubs")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_stubs(tmp_path / name)
