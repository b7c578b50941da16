"""Readers of foreign formats: exact quantisation, and one clear error for each broken file."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.quantise import HARDWARE_VALUES, TRUE_VALUES, codes
from l1forge.emulator.events.source import open_events


def read_all(path: Path, block: int = 65536) -> Events:
    return Events.concatenate(list(open_events(path).blocks(block_size=block)))


def particles(n: int = 3) -> np.ndarray:
    data = np.zeros((n, 19, 4))
    data[:, 0] = (20.3, 0, -0.01, 1)
    data[:, 1] = (30.49, -1.0, 3.2, 2)
    data[:, 5] = (22.0, 0.010875 * 7.5, 0, 3)
    data[:, 9] = (5000, 4.0, 6.28, 4)
    return data


def write_h5(path: Path, data: np.ndarray, name: str = "Particles") -> Path:
    with h5py.File(path, "w") as file:
        file[name] = data
    return path


def test_adc2021_bins(tmp_path: Path) -> None:
    source = open_events(write_h5(tmp_path / "a.h5", particles(5)))
    assert (source.format, source.n) == ("ADC2021 HDF5", 5)
    assert "lepton-filtered" in source.description
    events = Events.concatenate(list(source.blocks(block_size=2)))
    assert events.n == 5
    first = {name: int(events[name][0, 0]) for name in events}
    assert first["etm.et"] == 40  # [20, 20.5) GeV
    assert first["etm.phi"] == 143  # just below 0 wraps
    assert first["eg.et"] == 60
    assert first["eg.eta"] == -23  # -1 / 0.0435 = -22.99: bin [-23, -22)
    assert first["eg.phi"] == math.floor(3.2 / (2 * math.pi / 144))
    assert first["mu.pt"] == 45  # 22 GeV = [22, 22.5): code 45
    assert first["mu.eta"] == 8  # bins are centred, ties go up
    assert first["jet.et"] == 2047
    assert source.notes["jet.et saturated at 2047"] == 5
    assert not events["mu.pt"][1:].any()
    assert not events["jet.eta"][1:].any()


@pytest.mark.parametrize(
    ("name", "code"), [("eg.eta", -128), ("eg.eta", 127), ("mu.eta", -256), ("jet.et", 2046), ("mu.pt", 511)]
)
def test_bin_centres_and_codes_come_back(name: str, code: int) -> None:
    field = COLUMNS[name][1]
    notes: Counter[str] = Counter()
    centre = 0.0 if name == "mu.eta" else 0.5
    stored = code - 1 if name == "mu.pt" else code
    assert codes(name, np.array([(stored + centre) * field.lsb]), TRUE_VALUES, notes) == code
    as_float32 = np.array([stored * field.lsb], np.float32)
    assert codes(name, as_float32, HARDWARE_VALUES, notes) == code
    assert not notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[:, :18], r"\(N, 19, 4\) expected.*\(3, 18, 4\)"),
        (lambda d: d[:, :, 0], "expected"),
        (lambda d: d.astype(int), "floating-point"),
        (lambda d: d[:0], "no events"),
        (lambda d: np.where(np.arange(19)[:, None] == 9, np.nan, d), r"Particles\[0, 9, 0\]: not a finite"),
        (lambda d: -d, "negative pT"),
        (lambda d: d[:, ::-1], "class does not belong"),
    ],
)
def test_unusable_hdf5(tmp_path: Path, change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_all(write_h5(tmp_path / "a.h5", change(particles())))


def test_hdf5_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such dataset.*it has other"):
        open_events(write_h5(tmp_path / "a.h5", particles(), "other"))
    whole = write_h5(tmp_path / "b.h5", particles()).read_bytes()
    (tmp_path / "b.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="HDF5"):
        read_all(tmp_path / "b.h5")


def nano_branches() -> dict[str, ak.Array]:
    """Two events; objects of neighbouring crossings are mixed in."""
    lsb = COLUMNS["mu.phi"][1].lsb
    branches: dict[str, ak.Array] = {}
    for name in ("L1EG", "L1Tau", "L1Jet"):
        branches |= {
            f"{name}_pt": ak.Array([[99.0, 30.5, 10.0], []]),
            f"{name}_eta": ak.Array([[0.0, -0.0435 * 3, 0.0435 * 5], []]),
            f"{name}_phi": ak.Array([[0.0, -np.pi / 72, np.pi / 72 * 70], []]),
            f"{name}_bx": ak.Array([[-1, 0, 0], []]),
        }
    branches |= {
        "L1Mu_pt": ak.Array([[], [3.0, 21.5]]),
        "L1Mu_eta": ak.Array([[], [0.0, 0.010875 * -11]]),
        "L1Mu_phi": ak.Array([[], [-lsb, lsb]]),
        "L1Mu_hwQual": ak.Array([[], [12, 8]]),
        "L1Mu_hwCharge": ak.Array([[], [1, 0]]),
        "L1Mu_bx": ak.Array([[], [0, 1]]),
        "L1EtSum_pt": ak.Array([[50.0, 70.5, 11.0], [1.0]]),
        "L1EtSum_phi": ak.Array([[0.5, -np.pi / 72, 0.0], [0.0]]),
        "L1EtSum_etSumType": ak.Array([[1, 2, 2], [99]]),
        "L1EtSum_bx": ak.Array([[0, 0, 1], [0]]),
    }
    return {
        name: ak.values_astype(array, np.float32 if name[-2:] in ("pt", "ta", "hi") else np.int32)
        for name, array in branches.items()
    }


def write_root(path: Path, branches: dict[str, ak.Array], tree: str = "Events") -> Path:
    with uproot.recreate(path) as file:
        file[tree] = branches
    return path


def test_nanoaod_takes_the_triggered_crossing(tmp_path: Path) -> None:
    source = open_events(write_root(tmp_path / "n.root", nano_branches()))
    assert (source.format, source.n) == ("NanoAOD", 2)
    (events,) = source.blocks()
    assert events["eg.et"][:3, 0].tolist() == [61, 20, 0]
    assert events["jet.eta"][:2, 0].tolist() == [-3, 5]
    assert events["tau.phi"][:2, 0].tolist() == [143, 70]
    assert events["mu.pt"][:2].tolist() == [[0, 7], [0, 0]]
    assert events["mu.phi"][0].tolist() == [0, 575]
    assert events["mu.charge"][0].tolist() == [0, 3]
    assert events["htt.et"][0].tolist() == [100, 0]
    assert events["etm.et"][0].tolist() == [141, 0]
    assert events["etm.phi"][0].tolist() == [143, 0]
    (later,) = open_events(source.path, bx=1).blocks(["mu.pt", "mu.eta", "etm.et"])
    assert later["mu.pt"][0].tolist() == [0, 44]
    assert later["mu.eta"][0].tolist() == [0, -11]
    assert later["etm.et"][0].tolist() == [22, 0]


def test_nanoaod_counts_objects_beyond_the_slots(tmp_path: Path) -> None:
    branches = nano_branches()
    branches |= {f"L1Mu_{name}": ak.Array([[1] * 10, []]) for name in ("hwQual", "hwCharge")}
    branches |= {f"L1Mu_{name}": ak.Array([[1.0] * 10, []]) for name in ("pt", "eta", "phi")}
    branches["L1Mu_bx"] = ak.Array([[0] * 10, []])
    source = open_events(write_root(tmp_path / "n.root", branches))
    list(source.blocks())
    assert source.notes["mu beyond the 8 hardware slots, left out"] == 2
    assert source.notes["mu.phi not on the hardware's grid, rounded"] == 10


def test_unusable_root_files(tmp_path: Path) -> None:
    branches = nano_branches()
    without = {name: array for name, array in branches.items() if not name.startswith("L1Jet")}
    with pytest.raises(InputError, match="L1Jet_bx: branch missing, and 3 more"):
        open_events(write_root(tmp_path / "a.root", without))
    with pytest.raises(InputError, match=r"no such tree.*it has Runs"):
        open_events(write_root(tmp_path / "b.root", branches, "Runs"))
    nan = branches | {"L1Jet_eta": ak.Array([[0.0, np.nan, 0.0], []])}
    with pytest.raises(InputError, match="L1Jet_eta: not a finite"):
        read_all(write_root(tmp_path / "c.root", nan))
    for wrong in (16, 65541):  # the second is 5 in 16 bits
        wide = branches | {"L1Mu_hwQual": ak.Array([[], [wrong, 8]])}
        with pytest.raises(InputError, match=rf"L1Mu_hwQual: value outside 0 \.\. 15 .*got {wrong}"):
            read_all(write_root(tmp_path / "d.root", wide))
    for change, words in (
        ({"L1Jet_pt": np.array([10.0, 20.0])}, "L1Jet_pt: a list of numbers for each event"),
        ({"L1Jet_pt": ak.Array([[99.0, -3.0, 10.0], []])}, "L1Jet_pt: negative pT"),
        ({"L1Mu_hwQual": ak.Array([[], [7.5, 8.0]])}, "L1Mu_hwQual: whole numbers expected"),
    ):
        with pytest.raises(InputError, match=words):
            read_all(write_root(tmp_path / "d.root", branches | change))
    whole = write_root(tmp_path / "e.root", branches).read_bytes()
    for size in (100, len(whole) // 2):
        (tmp_path / "e.root").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"e\.root"):
            read_all(tmp_path / "e.root")


def test_front_door_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        open_events(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        open_events(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="is empty"):
        open_events(tmp_path / "empty")
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(InputError, match="not a known event format"):
        open_events(tmp_path / "other")


def test_front_door_knows_parquet_by_content(tmp_path: Path) -> None:
    path = tmp_path / "named.root"
    write_events(path, [Events({"ett.et": np.array([[3, 4]], np.int16)}, 2)], {"process": "zero bias"})
    source = open_events(path)
    assert (source.format, source.n, source.columns) == ("parquet", 2, ("ett.et",))
    assert "process zero bias" in source.description
    assert source.has(["mu.pt", "ett.et"]) == ("ett.et",)
    with pytest.raises(InputError, match="block size: must be at least 1"):
        source.blocks(block_size=0)
