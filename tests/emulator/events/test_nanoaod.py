"""NanoAOD as it is written in the field: hardware integers, re-emulated objects, records, empty skims."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events

Branches = dict[str, ak.Array]
PHI = np.pi / 72


def floats(values: list[list[float]]) -> ak.Array:
    return ak.values_astype(ak.Array(values), np.float32)


def integers(values: list[list[int]]) -> ak.Array:
    return ak.values_astype(ak.Array(values), np.int16)


def physical(prefix: str, et: float = 10.0) -> Branches:
    """Two events with one object of each kind in the first, in the float branches."""
    branches: Branches = {}
    for name in ("EG", "Tau", "Jet", "Mu"):
        branches |= {
            f"{prefix}{name}_pt": floats([[et], []]),
            f"{prefix}{name}_eta": floats([[-3 * (0.010875 if name == "Mu" else 0.0435)], []]),
            f"{prefix}{name}_phi": floats([[PHI], []]),
            f"{prefix}{name}_bx": integers([[0], []]),
        }
    return branches | {
        f"{prefix}Mu_hwQual": integers([[12], []]),
        f"{prefix}EtSum_pt": floats([[40.5, 60.0], []]),
        f"{prefix}EtSum_phi": floats([[0.0, 5 * PHI], []]),
        f"{prefix}EtSum_etSumType": integers([[1, 2], []]),
        f"{prefix}EtSum_bx": integers([[0, 0], []]),
    }


def hardware(prefix: str, et: int = 21) -> Branches:
    """The same two events as the integers of the level-1 NanoAOD; muons have all their fields."""
    branches: Branches = {}
    for name in ("EG", "Tau", "Jet"):
        branches |= {
            f"{prefix}{name}_hwPt": integers([[et], []]),
            f"{prefix}{name}_hwEta": integers([[-3], []]),
            f"{prefix}{name}_hwPhi": integers([[143], []]),
            f"{prefix}{name}_hwIso": integers([[3], []]),
            f"{prefix}{name}_bx": integers([[0], []]),
        }
    muon = {
        "hwPt": 47, "hwEta": 100, "hwPhi": 500, "hwEtaAtVtx": -99, "hwPhiAtVtx": 505, "hwQual": 12,
        "hwIso": 1, "hwCharge": 1, "hwChargeValid": 0, "tfMuonIndex": 107, "hwDXY": 2,
        "hwPtUnconstrained": 30, "bx": 0,
    }  # fmt: skip
    return branches | {
        **{f"{prefix}Mu_{name}": integers([[value], []]) for name, value in muon.items()},
        f"{prefix}EtSum_hwPt": integers([[4095, 301], []]),
        f"{prefix}EtSum_hwPhi": integers([[0, 143], []]),
        f"{prefix}EtSum_etSumType": integers([[1, 2], []]),
        f"{prefix}EtSum_bx": integers([[0, 0], []]),
    }


def tree(path: Path, branches: Branches) -> Path:
    with uproot.recreate(path) as file:
        file["Events"] = branches
    return path


def records(path: Path, branches: Branches) -> Path:
    """An RNTuple whose collections are records: ``L1EG.pt``."""
    collections: dict[str, Branches] = {}
    for name, array in branches.items():
        collection, _, field = name.partition("_")
        collections.setdefault(collection, {})[field] = array
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {name: ak.zip(fields) for name, fields in collections.items()})
    return path


def first(events: Events) -> dict[str, int]:
    """The leading object of the first event."""
    return {name: int(events[name][0, 0]) for name in events}


HARDWARE = {
    "mu.phi": 505, "mu.pt": 47, "mu.qual": 12, "mu.eta": -99, "mu.iso": 1, "mu.charge": 1,
    "mu.index": 107, "mu.phi_station": 500, "mu.upt": 30, "mu.ip": 2,
    "eg.et": 21, "eg.eta": -3, "eg.phi": 143, "eg.iso": 3,
    "tau.et": 21, "tau.eta": -3, "tau.phi": 143, "tau.iso": 3,
    "jet.et": 21, "jet.eta": -3, "jet.phi": 143,
    "ett.et": 0, "htt.et": 4095, "etm.et": 301, "etm.phi": 143, "htm.et": 0, "htm.phi": 0,
    "etmhf.et": 0, "etmhf.phi": 0, "htmhf.et": 0, "htmhf.phi": 0,
}  # fmt: skip


@pytest.mark.parametrize("write", [tree, records])
@pytest.mark.parametrize("prefix", ["L1", "L1Emul"])
def test_hardware_integers_are_taken_as_they_are(tmp_path: Path, write, prefix: str) -> None:
    source = open_events(write(tmp_path / "n.root", hardware(prefix)))
    assert source.n == 2
    assert ("re-emulated" in source.description) == (prefix == "L1Emul")
    (events,) = source.blocks()
    assert first(events) == HARDWARE
    assert not any(events[name][:, 1].any() for name in events)


def test_integers_go_before_floats_and_contradictions_are_counted(tmp_path: Path) -> None:
    branches = physical("L1") | hardware("L1")
    branches["L1EtSum_pt"] = floats([[2047.5, 150.5], []])
    branches["L1EtSum_phi"] = floats([[0.0, -PHI], []])
    branches["L1Mu_pt"] = floats([[23.0], []])
    branches["L1Mu_etaAtVtx"] = floats([[0.5], []])
    source = open_events(tree(tmp_path / "n.root", branches))
    (events,) = source.blocks()
    assert first(events) == HARDWARE
    notes = {name: count for name, count in source.notes.items() if "disagrees" in name}
    assert notes == {
        "L1Mu_hwPhi disagrees with L1Mu_phi; the integer was taken": 1,
        "L1Mu_hwEtaAtVtx disagrees with L1Mu_etaAtVtx; the integer was taken": 1,
        "L1EG_hwPhi disagrees with L1EG_phi; the integer was taken": 1,
        "L1Tau_hwPhi disagrees with L1Tau_phi; the integer was taken": 1,
        "L1Jet_hwPhi disagrees with L1Jet_phi; the integer was taken": 1,
    }


@pytest.mark.parametrize("write", [tree, records])
def test_unpacked_and_emulated_objects_side_by_side(tmp_path: Path, write) -> None:
    path = write(tmp_path / "n.root", physical("L1", 10.0) | physical("L1Emul", 12.5))
    assert "convert --emulated" in open_events(path).description
    for emulated, et in ((None, 20), (False, 20), (True, 25)):
        (events,) = open_events(path, emulated=emulated).blocks(["eg.et", "mu.pt", "htt.et"])
        assert events["eg.et"][0].tolist() == [et, 0]
        assert events["mu.pt"][0].tolist() == [et + 1, 0]
        assert events["htt.et"][0].tolist() == [81, 0]


def test_asking_for_objects_that_are_not_there_names_the_others(tmp_path: Path) -> None:
    path = tree(tmp_path / "a.root", physical("L1"))
    with pytest.raises(InputError, match=r"L1EmulEG_bx: branch missing.*leave --emulated out"):
        open_events(path, emulated=True)
    path = tree(tmp_path / "b.root", physical("L1Emul"))
    with pytest.raises(InputError, match=r"L1EG_bx: branch missing.*--emulated"):
        open_events(path, emulated=False)


def test_events_without_a_record_of_a_sum_are_counted(tmp_path: Path) -> None:
    source = open_events(tree(tmp_path / "n.root", physical("L1")))
    list(source.blocks())
    assert {name.split()[5]: count for name, count in source.notes.items() if "record" in name} == {
        "ett,": 2, "htt,": 1, "etm,": 1, "htm,": 2, "etmhf,": 2, "htmhf,": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("branch", "value"), [("L1Jet_hwPt", 2048), ("L1EG_hwEta", -129), ("L1Mu_hwPhi", 1024)]
)
def test_integers_beyond_their_field_are_refused(tmp_path: Path, branch: str, value: int) -> None:
    path = tree(tmp_path / "n.root", hardware("L1") | {branch: integers([[value], []])})
    with pytest.raises(InputError, match=rf"{branch}: value outside .*got {value}\)"):
        list(open_events(path).blocks())


@pytest.mark.parametrize("write", [tree, records])
def test_a_skim_without_entries_holds_no_crossings(tmp_path: Path, write) -> None:
    empty = {name: array[:0] for name, array in physical("L1").items()}
    source = open_events(write(tmp_path / "n.root", empty))
    assert source.n == 0
    assert [block.n for block in source.blocks(["mu.pt"])] == [0]
    assert dict(source.notes) == {"files without entries": 1}


def test_records_read_like_flat_fields(tmp_path: Path) -> None:
    branches = physical("L1")
    flat, nested = tree(tmp_path / "f.root", branches), records(tmp_path / "r.root", branches)
    (one,), (other,) = open_events(flat).blocks(), open_events(nested).blocks()
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", ["records.rntuple.root", "flat.rntuple.root"])
def test_rntuples_that_another_program_wrote(name: str) -> None:
    source = open_events(DATA / name)
    assert source.n == 50
    (events,) = source.blocks()
    counts = {column: int(np.count_nonzero(events[column])) for column in ("mu.pt", "jet.et", "eg.et")}
    assert counts == {"mu.pt": 50, "jet.et": 114, "eg.et": 94}
