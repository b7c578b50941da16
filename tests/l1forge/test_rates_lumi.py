"""Rates of NanoAOD: lumi masks, counts of luminosity sections, columns that a file lacks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.lumi_mask import LumiMask
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, Requirement
from l1forge.emulator.rates import sampling
from l1forge.studies import rates_counting
from l1forge.studies.rates_menu import menu_rates

N = 60
JETS = np.arange(N) * 4
RUN = np.where(np.arange(N) < 40, 381065, 381070).astype(np.uint32)
LUMI = (np.arange(N) // 10 + 1).astype(np.uint32)


def small_menu() -> CompiledMenu:
    jet = Combination(legs=(Requirement(type="jet", threshold=100),))
    muon = Combination(legs=(Requirement(type="mu", threshold=1, iso=2),))
    algorithms = (
        Algorithm(index=3, name="L1_Jet", expression="j"),
        Algorithm(index=70, name="L1_IsoMu", expression="m"),
    )
    return CompiledMenu(name="m", conditions={"j": jet, "m": muon}, algorithms=algorithms)


def nano(path: Path, times: bool = True, lumi: np.ndarray = LUMI) -> Path:
    def one(values: np.ndarray) -> ak.Array:
        return ak.Array(values[:, None].tolist())

    none = np.zeros(N, np.int16)
    branches = {}
    for name in ("EG", "Tau", "Jet", "Mu"):
        branches |= {f"L1{name}_{field}": one(none.astype(np.float32)) for field in ("pt", "eta", "phi")}
        branches[f"L1{name}_bx"] = ak.values_astype(one(none), np.int16)
    branches["L1Jet_pt"] = ak.values_astype(one(JETS / 2), np.float32)
    branches["L1Mu_hwQual"] = ak.values_astype(one(none), np.int16)
    branches |= {f"L1EtSum_{f}": ak.values_astype(one(none), np.float32) for f in ("pt", "phi")}
    branches |= {f"L1EtSum_{f}": ak.values_astype(one(none), np.int16) for f in ("etSumType", "bx")}
    if times:
        branches |= {"run": RUN, "luminosityBlock": lumi}
    with uproot.recreate(path) as file:
        file["Events"] = branches
    return path


def mask(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_times_are_read_if_asked_for(tmp_path: Path) -> None:
    source = open_events(nano(tmp_path / "a.root"))
    assert source.optional == ("run", "lumi")
    assert "run" not in next(iter(source.blocks()))
    block = Events.concatenate(list(source.part(5, 50).blocks(["jet.et", "run", "lumi"], 20)))
    assert block["run"][0].tolist() == RUN[5:50].tolist()
    assert block["lumi"][0].tolist() == LUMI[5:50].tolist()
    assert block["jet.et"][0].tolist() == JETS[5:50].tolist()
    assert open_events(nano(tmp_path / "b.root", times=False)).optional == ()
    broken = open_events(nano(tmp_path / "c.root", lumi=-np.ones(N, np.int64)))
    with pytest.raises(InputError, match="luminosityBlock: whole numbers of 32 bits expected"):
        list(broken.blocks(["lumi"]))


def test_a_mask_selects_and_sections_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = nano(tmp_path / "a.root")
    json_file = mask(tmp_path / "good.json", {"381065": [[2, 3], [9, 9]], "381070": [[6, 6]], "1": []})
    good = ((RUN == 381065) & (LUMI >= 2) & (LUMI <= 3)) | ((RUN == 381070) & (LUMI == 6))
    study = menu_rates(small_menu(), [path], lumi_mask=json_file, details=True, curves=False)
    assert study.samples[0]["crossings"] == good.sum() == 30
    assert study.masked_crossings == N - 30
    assert study.seeds[0].count == int((good & (JETS >= 100)).sum())
    found = {
        (part.run, part.section): (part.crossings, part.counts["L1_Jet"]) for part in study.lumi_sections
    }
    assert found == {(381065, 2): (10, 0), (381065, 3): (10, 5), (381070, 6): (10, 10)}
    assert study.crossings is not None
    assert study.crossings.row.tolist() == np.flatnonzero(good & (JETS >= 100)).tolist()
    study.save(tmp_path / "study")
    rows = list(csv.DictReader((tmp_path / "study" / "lumi_sections.csv").read_text().splitlines()))
    assert rows[1] == {"run": "381065", "section": "3", "crossings": "10", "L1_Jet": "5", "L1_IsoMu": "0"}
    monkeypatch.setattr(sampling, "ROWS", 1)
    monkeypatch.setattr(rates_counting, "ROWS", 1)
    monkeypatch.setattr(rates_counting, "BLOCKS", 1)
    scheme = mask(tmp_path / "scheme.json", {"trains": [[10, 7]]})
    small = menu_rates(small_menu(), [path], lumi_mask=json_file, scheme=scheme)
    assert small.lumi_sections == study.lumi_sections
    whole = menu_rates(small_menu(), [path])
    assert [part.crossings for part in whole.lumi_sections] == [10] * 6


def test_one_note_for_each_absent_column(tmp_path: Path) -> None:
    paths = [nano(tmp_path / "a.root"), nano(tmp_path / "b.root", times=False)]
    notes = [
        note for note in menu_rates(small_menu(), paths).notes if "taken as 0" in note and "no mu" in note
    ]
    assert notes == [f"{paths[0]} and 1 more files: no mu.iso, which seeds or models read: taken as 0"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "is not a lumi mask"),
        ([], "is not a lumi mask"),
        ({"a": []}, "is not a run number"),
        ({"1": 3}, "are not ranges"),
        ({"1": [[2, 1]]}, "are not ranges"),
        ({"1": [[1, 2, 3]]}, "are not ranges"),
        ({"1": [[1, True]]}, "are not ranges"),
        ({"1": [[1.5, 2]]}, "are not ranges"),
    ],
)
def test_masks_that_are_none(tmp_path: Path, content: object, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        LumiMask.load(mask(tmp_path / "m.json", content))


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    good = mask(tmp_path / "good.json", {"7": [[1, 2]]})
    with pytest.raises(InputError, match="no event is in the lumi mask"):
        menu_rates(small_menu(), [nano(tmp_path / "a.root")], lumi_mask=good)
    with pytest.raises(InputError, match="tells no luminosity sections"):
        menu_rates(small_menu(), [nano(tmp_path / "b.root", times=False)], lumi_mask=good)
    write_events(tmp_path / "c.parquet", [Events({"jet.et": np.zeros((12, 5), np.int16)}, 5)])
    with pytest.raises(InputError, match="tells no luminosity sections"):
        menu_rates(small_menu(), [tmp_path / "c.parquet"], lumi_mask=good)
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "none.json"):
        with pytest.raises(InputError, match="--lumi-mask: cannot be read"):
            LumiMask.load(tmp_path / name)
