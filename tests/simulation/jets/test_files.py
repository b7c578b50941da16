"""Files of jets: our own format, and the layouts of the public ones."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.errors import InputError
from l1forge.simulation.jets import ANGLE_UNIT, CLASSES, FEATURES, PT_UNIT, SLOTS
from l1forge.simulation.jets.files import read
from l1forge.simulation.jets.sample import Jets, write

N = 25


@pytest.fixture
def jets():
    rng = np.random.default_rng(1)
    pt = -np.sort(-rng.integers(0, 2000, (N, SLOTS)), axis=1).astype(np.uint16)
    pt[:, 20:] = 0
    angles = rng.integers(-180, 180, (2, N, SLOTS)).astype(np.int16)
    angles[:, pt == 0] = 0
    return Jets(
        truth=(np.arange(N) % len(CLASSES)).astype(np.uint8),
        event=np.arange(N, dtype=np.int32),
        features=rng.normal(size=(N, len(FEATURES))).astype(np.float32),
        pt=pt,
        eta=angles[0],
        phi=angles[1],
        jet_pt=rng.uniform(800, 1400, N).astype(np.float32),
        jet_eta=rng.normal(size=N).astype(np.float32),
        n_constituents=np.full(N, 20, np.uint16),
    )


def _table(jets, **replaced):
    columns = {name: jets.features[:, i] for i, name in enumerate(FEATURES)}
    columns["class"] = [CLASSES[t] for t in jets.truth]
    columns |= replaced
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _hdf5(path, jets, n_particles=40, classes=None, names=None):
    listed = np.zeros((N, n_particles, 4))
    listed[:, :SLOTS, 1] = jets.pt * PT_UNIT
    listed[:, :SLOTS, 2] = jets.eta * ANGLE_UNIT
    listed[:, :SLOTS, 3] = jets.phi * ANGLE_UNIT
    listed = listed[:, ::-1]  # not sorted by pT
    marks = np.eye(5)[jets.truth] if classes is None else classes
    with h5py.File(path, "w") as file:
        file["jets"] = np.concatenate([jets.jet_pt[:, None], jets.features, marks], 1)
        file["jetFeatureNames"] = np.array(
            names or ["j_pt", *(f"j_{n}" for n in FEATURES), *(f"j_{c}" for c in CLASSES)], "S"
        )
        file["jetConstituentList"] = listed
        file["particleFeatureNames"] = np.array(["j1_px", "j1_pt", "j1_etarel", "j1_phirel"], "S")


def test_our_format_comes_back(tmp_path, jets):
    write(tmp_path / "jets.parquet", jets)
    again = read(tmp_path / "jets.parquet")
    for name in ("truth", "event", "features", "pt", "eta", "phi", "jet_pt", "jet_eta", "n_constituents"):
        np.testing.assert_array_equal(getattr(again, name), getattr(jets, name), name)


def test_parts_are_whole_events_and_all_of_them(jets):
    parts = [jets.part(name) for name in ("train", "validation", "test")]
    assert sorted(np.concatenate([part.event for part in parts])) == jets.event.tolist()
    assert set(parts[0].event % 10) == {0, 1, 2, 3, 4, 5}


def test_constituents_are_those_of_the_leading_slots(jets):
    found = jets.constituents(8)
    assert found.shape == (N, 8, 3)
    np.testing.assert_array_equal(found[:, :, 0], jets.pt[:, :8])
    with pytest.raises(InputError, match="slots"):
        jets.constituents(33)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arff"])
def test_openml_layout(tmp_path, jets, suffix):
    path = tmp_path / f"hls4ml_lhc_jets_hlf.{suffix}"
    table = _table(jets)
    if suffix == "parquet":
        pq.write_table(table, path)
    elif suffix == "csv":
        csv.write_csv(table, path)
    else:
        lines = ["% jets", "@RELATION hls4ml_lhc_jets_hlf", ""]
        lines += [f"@ATTRIBUTE {name} REAL" for name in FEATURES]
        lines += ["@ATTRIBUTE 'class' {g, q, w, z, t}", "", "@DATA", "% first"]
        lines += [
            ",".join([*map(repr, map(float, row)), CLASSES[t]])
            for row, t in zip(jets.features, jets.truth, strict=True)
        ]
        path.write_text("\n".join(lines) + "\n")
    found = read(path)
    np.testing.assert_array_equal(found.features, jets.features)
    np.testing.assert_array_equal(found.truth, jets.truth)
    assert found.event.tolist() == list(range(N))
    with pytest.raises(InputError, match="no constituents"):
        found.constituents()


def test_classes_as_columns_of_0_and_1(tmp_path, jets):
    marks = np.eye(5)[jets.truth]
    pq.write_table(
        _table(jets, **{"class": None}, **{f"j_{c}": marks[:, i] for i, c in enumerate(CLASSES)}),
        tmp_path / "jets.parquet",
    )
    np.testing.assert_array_equal(read(tmp_path / "jets.parquet").truth, jets.truth)


def test_hdf5_layout_with_constituents_sorted_by_momentum(tmp_path, jets):
    _hdf5(tmp_path / "jets.h5", jets)
    found = read(tmp_path / "jets.h5")
    np.testing.assert_array_equal(found.truth, jets.truth)
    np.testing.assert_array_equal(found.features, jets.features)
    np.testing.assert_array_equal(found.pt, jets.pt)
    np.testing.assert_array_equal(np.sort(found.eta), np.sort(jets.eta))
    assert not found.eta[:, 20:].any()
    assert found.n_constituents.tolist() == (jets.pt > 0).sum(1).tolist()


def test_hdf5_with_fewer_particles_than_slots(tmp_path, jets):
    few = jets[:]
    _hdf5(tmp_path / "jets.h5", few, n_particles=SLOTS)
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        listed = file["jetConstituentList"][:, -5:]
        del file["jetConstituentList"]
        file["jetConstituentList"] = listed
    found = read(tmp_path / "jets.h5")
    assert found.constituents().shape == (N, SLOTS, 3)
    assert not found.pt[:, 5:].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"c2_b1_mmdt": None}, "c2_b1_mmdt: has no such column"),
        ({"mass_mmdt": [float("nan")] * N}, "mass_mmdt: row 0: is not a finite number"),
        ({"mass_mmdt": ["heavy"] * N}, "mass_mmdt: is not of numbers"),
        ({"class": ["b"] * N}, "class: row 0: is no class of jets"),
        ({"class": None}, "has neither this column nor class"),
        ({"class": None, **{c: [1.0] * N for c in CLASSES}}, "exactly one class must be 1"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, jets, change, said):
    path = tmp_path / "jets.parquet"
    pq.write_table(_table(jets, **change), path)
    with pytest.raises(InputError, match=said):
        read(path)


def test_wrong_hdf5_files_are_refused(tmp_path, jets):
    path = tmp_path / "jets.h5"
    _hdf5(path, jets, names=["j_pt"] * 22)
    with pytest.raises(InputError, match="j_zlogz: is not among the names"):
        read(path)
    _hdf5(path, jets, classes=np.ones((N, 5)))
    with pytest.raises(InputError, match="exactly one class"):
        read(path)
    with h5py.File(path, "w") as file:
        file["jetFeatureNames"] = np.array(["j_pt"], "S")
    with pytest.raises(InputError, match="jets: has no such dataset"):
        read(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


@pytest.mark.parametrize(
    "name", ["none.parquet", "jets.txt", "folder.csv", "text.parquet", "text.csv", "text.arff"]
)
def test_what_is_no_file_of_jets_is_refused(tmp_path, name):
    path = tmp_path / name
    if name.startswith("folder"):
        path.mkdir()
    elif not name.startswith("none"):
        path.write_text("no table\n")
    with pytest.raises(InputError, match=name):
        read(path)


def test_truncated_own_file_is_refused(tmp_path, jets):
    path = tmp_path / "jets.parquet"
    write(path, jets)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="cannot be read"):
        read(path)
    write(path, jets)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["pt_31"]), path)
    with pytest.raises(InputError, match="pt_31: has no such column"):
        read(path)
