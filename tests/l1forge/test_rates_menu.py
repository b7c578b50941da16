"""`l1forge rates MENU`: literal rates of small samples, the same for any partition, and refused inputs."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.rates import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT, ORBIT_FREQUENCY
from l1forge.emulator.menu.compiled import (
    Algorithm,
    Combination,
    CompiledMenu,
    External,
    QuantityCut,
    Requirement,
    condition_names,
)
from l1forge.emulator.rates import sampling
from l1forge.emulator.rates.intervals import fraction
from l1forge.studies.rates_inputs import input_files, is_menu, parse_target
from l1forge.studies.rates_menu import menu_rates
from l1forge.studies.rates_results import MenuRates, SeedRate

FULL = COLLIDING_BUNCHES * ORBIT_FREQUENCY / 1e3


def jet(threshold: int, bx: int = 0) -> Combination:
    return Combination(legs=(Requirement(type="jet", threshold=threshold, bx=bx),))


def menu(**seeds: Any) -> CompiledMenu:
    conditions = {
        "j50": jet(100),
        "j100": jet(200),
        "ht": QuantityCut(quantity="htt", threshold=400),
        "zb": External(index=4, name="ZeroBias_BPTX_AND_VME"),
        "zb_before": External(index=4, bx=-1, name="ZeroBias_BPTX_AND_VME"),
        "jet_before": jet(100, -1),
        "gap": External(index=5, name="BPTX_NotOR_VME"),
        "gas": External(index=6, name="BeamGas_plus"),
    }
    algorithms = tuple(
        Algorithm(index=60 + 2 * i, name=f"L1_{name}", expression=expression)
        for i, (name, expression) in enumerate(seeds.items())
    )
    used = {name for algorithm in algorithms for name in condition_names(algorithm.expression)}
    kept = {name: condition for name, condition in conditions.items() if name in used}
    return CompiledMenu(name="m", conditions=kept, algorithms=algorithms)


PLAIN = menu(Jet50="j50", Jet100="j100", HTT="ht")


def events(n: int, seed: int = 1) -> Events:
    rng = np.random.default_rng(seed)
    jets = np.zeros((12, n), np.int16)
    jets[0] = rng.integers(0, 300, n)
    return Events({"jet.et": jets, "htt.et": rng.integers(0, 500, (1, n)).astype(np.int16)}, n)


def stored(path: Path, of: Events) -> Path:
    write_events(path, [of])
    return path


def seed_of(study: MenuRates, name: str) -> SeedRate:
    return next(seed for seed in study.seeds if seed.name == f"L1_{name}")


def test_literal_rates(tmp_path: Path) -> None:
    of = events(5000)
    prescales = tmp_path / "columns.csv"
    prescales.write_text("Index,Name,a\n60,L1_Jet50,4\n62,L1_Jet100,1\n64,L1_HTT,0\n")
    path = stored(tmp_path / "zb.parquet", of)
    study = menu_rates(PLAIN, [path], prescales=[prescales], groups={"jets": ["L1_Jet*"]})
    leading, sums = of["jet.et"][0], of["htt.et"][0]
    fired = {"Jet50": leading >= 100, "Jet100": leading >= 200, "HTT": sums >= 400}
    for name, flags in fired.items():
        passed = int(flags.sum())
        expected = fraction(passed, 5000).scaled(FULL)
        seed = seed_of(study, name)
        found = seed.total_before
        assert (found.khz, found.low_khz, found.high_khz) == pytest.approx(expected, rel=1e-9)
        assert seed.count == passed
        others = np.logical_or.reduce([other for key, other in fired.items() if key != name])
        assert seed.pure_before is not None
        pure = int((flags & ~others).sum())
        assert seed.pure_before.khz == pytest.approx(FULL * pure / 5000)
    counts = sum(flags.astype(int) for flags in fired.values())
    share = (fired["HTT"] / np.maximum(counts, 1)).sum()
    assert seed_of(study, "HTT").proportional_before.khz == pytest.approx(FULL * share / 5000)
    # behind prescales: every fourth of the lower jets, all of the higher, no sums
    only_low = (fired["Jet50"] & ~fired["Jet100"]).sum()
    expected_finor = FULL * (fired["Jet100"].sum() + only_low / 4) / 5000
    assert study.finor_after.khz == pytest.approx(expected_finor)
    assert study.finor_before.khz == pytest.approx(FULL * (counts > 0).sum() / 5000)
    low, high, off = (seed_of(study, name) for name in ("Jet50", "Jet100", "HTT"))
    assert low.prescale == 4
    assert low.total_after.khz == pytest.approx(low.total_before.khz / 4)
    assert low.pure_after.khz == pytest.approx(FULL * only_low / 4 / 5000)
    assert high.pure_after.khz == pytest.approx(FULL * fired["Jet100"].sum() * 0.75 / 5000)
    assert off.total_after.khz == off.pure_after.khz == 0
    # no request knows of which seed it is: the trigger rules take the same part of all
    rules = study.after_rules
    assert rules is not None
    assert 0 < rules.part < 1
    for seed in study.seeds:
        assert seed.total_rules is not None
        assert seed.total_rules.khz == pytest.approx(seed.total_after.khz * rules.part)
        assert seed.proportional_rules is not None
    assert high.total_rules is not None
    up = np.hypot(
        (high.total_after.high_khz - high.total_after.khz) * rules.part, high.total_after.khz * rules.error
    )
    assert high.total_rules.high_khz - high.total_rules.khz == pytest.approx(up)
    assert study.groups[0].seeds == ("L1_Jet50", "L1_Jet100")
    assert study.groups[0].total.khz == study.groups[0].pure.khz == pytest.approx(expected_finor)
    assert study.overlap_fractions()[1][0] == pytest.approx(0.25)
    assert study.overlap_fractions()[2] == [None, None, None]
    assert study.limits()[0]["part"] == pytest.approx(expected_finor / 100)


def test_bit_for_bit_the_same_for_any_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = events(9 * 2748 + 100)
    whole = stored(tmp_path / "whole.parquet", of)
    bounds = (0, 2 * 2748, 3 * 2748, of.n)
    parts = [
        stored(tmp_path / f"part{i}.parquet", of.select(slice(a, b)))
        for i, (a, b) in enumerate(pairwise(bounds))
    ]
    orders = [[whole], parts, parts[::-1], [str(tmp_path / "part*.parquet")]]
    found = []
    for rows in (2748, 1 << 16):
        monkeypatch.setattr(sampling, "ROWS", rows)
        for inputs in orders:
            for threads in (1, 3):
                study = menu_rates(PLAIN, inputs, threads=threads, targets={"L1_Jet100": 900.0})
                found.append(json.dumps(replace(study, inputs=()).to_dict()))
    assert len(set(found)) == 1


def test_signals_of_the_filling_scheme_and_neighbours(tmp_path: Path) -> None:
    scheme = tmp_path / "scheme.json"
    scheme.write_text('{"trains": [[10, 3], [20, 1]]}')
    path = stored(tmp_path / "zb.parquet", events(4 * 50, 3))
    leading = events(4 * 50, 3)["jet.et"][0].reshape(50, 4) >= 100
    first_in_train = ["and", "zb", ["not", "zb_before"]]
    seeds = {
        "ZB": "zb",
        "Gap": "gap",
        "First": first_in_train,
        "After": "jet_before",
        "Gas": ["and", "j50", "gas"],
    }
    study = menu_rates(menu(**seeds), [path], scheme=scheme)
    rate = {seed.name[3:]: seed.total_before.khz for seed in study.seeds}
    per_orbit = ORBIT_FREQUENCY / 1e3
    assert rate["ZB"] == pytest.approx(4 * per_orbit)
    assert rate["Gap"] == pytest.approx((ORBIT - 4) * per_orbit)
    assert rate["First"] == pytest.approx(2 * per_orbit)
    assert rate["After"] == pytest.approx(leading.mean(axis=0).sum() * per_orbit)
    assert [seed.name for seed in study.excluded] == ["L1_Gas"]
    assert study.unknown_signals == ("BeamGas_plus",)
    assert study.finor_before.khz == pytest.approx(ORBIT * per_orbit)
    assert any("tells no bunches without partner" in note for note in study.notes)


def test_crossings_without_collisions_are_exact_without_neighbours(tmp_path: Path) -> None:
    path = stored(tmp_path / "zb.parquet", events(100))
    study = menu_rates(menu(Gap="gap", Jet50="j50", First=["and", "zb", ["not", "zb_before"]]), [path])
    gap = seed_of(study, "Gap").total_before
    rate = (ORBIT - COLLIDING_BUNCHES) * ORBIT_FREQUENCY / 1e3
    assert (gap.khz, gap.low_khz) == pytest.approx((rate, rate))
    whole = {"weighted": False, "exposure": 816.0, "effective_crossings": 816.0}
    assert study.samples[1] == {"kind": "empty", "crossings": 816, "rate_khz": rate, "exact": True} | whole
    assert any("less than one orbit" in note for note in study.notes)


def test_recorded_orbits_count_every_crossing(tmp_path: Path) -> None:
    of = events(2 * ORBIT)
    bx = (np.arange(of.n) % ORBIT).astype(np.int16)[None]
    path = stored(tmp_path / "orbits.parquet", Events({**of, "bx": bx}, of.n))
    study = menu_rates(PLAIN, [path])
    passed = int((of["jet.et"][0] >= 100).sum())
    assert seed_of(study, "Jet50").total_before.khz == pytest.approx(passed / 2 * ORBIT_FREQUENCY / 1e3)
    mask = tmp_path / "b.xml"
    mask.write_text(
        '<run-settings><context><param id="algorithmBxMask"><columns>algo,range,mask</columns>'
        "<rows><row>60,100-3563,0</row></rows></param></context></run-settings>"
    )
    masked = menu_rates(PLAIN, [path], prescales=[mask])
    assert seed_of(masked, "Jet50").count == int((of["jet.et"][0] >= 100)[bx[0] < 100].sum())
    with pytest.raises(InputError, match="has BX numbers, and other inputs have none"):
        menu_rates(PLAIN, [path, stored(tmp_path / "zb.parquet", of)])


def test_threshold_for_a_rate_is_the_lowest_that_stays_within(tmp_path: Path) -> None:
    of = events(5000)
    study = menu_rates(
        PLAIN, [stored(tmp_path / "zb.parquet", of)], targets={"L1_Jet100": 2000.0, "L1_HTT": 500}
    )
    for target, values in zip(study.targets, (of["jet.et"][0], of["htt.et"][0]), strict=True):
        rates = np.array([(values >= code).sum() for code in range(600)]) / 5000 * FULL
        assert target.threshold == int(np.flatnonzero(rates <= target.target_khz)[0])
        assert target.rate.khz == pytest.approx(rates[target.threshold])
        assert target.low < target.threshold < target.high
        for code, end in ((target.low, 1), (target.high, 2)):
            ends = [fraction(int((values >= c).sum()), 5000).scaled(FULL)[end] for c in (code - 1, code)]
            assert ends[1] <= target.target_khz < ends[0]
    assert (study.targets[0].cut, study.targets[0].gev) == ("jet", study.targets[0].threshold / 2)


def test_command_writes_all_files_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    PLAIN.save(tmp_path / "menu.json")
    path = stored(tmp_path / "zb.parquet", events(3000))
    folder = tmp_path / "study"

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(tmp_path / "menu.json"), *arguments, "-o", str(folder)])
        error = "" if result.exception is None else str(result.exception)
        return result.exit_code, result.output + error

    code, said = run(str(path), "--group", "jets=L1_Jet*", "--target", "L1_Jet100=2MHz")
    assert code == 0, said
    assert "FinOR" in said
    assert "for 2000 kHz" in said
    names = {"rates.json", "rates.csv", "rates_l1menutools.csv", "overlap.csv", "groups.csv", "seeds.json"}
    names |= {"crossings.parquet", "histograms.json"}
    plots = {
        f"{stem}.{kind}" for stem in ("rates", "overlap", "threshold_L1_Jet100") for kind in ("png", "pdf")
    }
    assert {file.name for file in folder.iterdir()} == names | plots | {
        "rates.html",
        "threshold_L1_Jet100.csv",
    }
    report = json.loads((folder / "rates.json").read_text())
    assert (report["format"], report["version"], len(report["seeds"])) == ("l1forge-rates", 1, 3)
    rows = list(csv.DictReader((folder / "rates_l1menutools.csv").read_text().splitlines()))
    assert [row["L1Bit"] for row in rows] == ["60", "62", "64"]
    shutil.rmtree(folder)
    for arguments, problem in (
        ([], "no events are given"),
        ([str(path), str(path)], "is given twice"),
        ([str(tmp_path / "no*.parquet")], "matches no file"),
        ([str(path), "--group", "jets"], "NAME=PATTERN expected"),
        ([str(path), "--group", "jets=L1_X*"], "no evaluated seed has such a name"),
        ([str(path), "--target", "L1_Jet10=1kHz"], "did you mean L1_Jet100?"),
        ([str(path), "--target", "L1_Jet100"], "SEED=RATE expected"),
        ([str(path), "--score", "a"], "goes with a model, not with a menu"),
        ([str(path), "--column", "a"], "needs --prescales"),
    ):
        code, said = run(*arguments)
        assert code, said
        assert problem in said
        assert not folder.exists()
    result = CliRunner().invoke(app, ["vae", "--threads", "2"])
    assert "goes with a menu" in str(result.exception)


def test_names() -> None:
    assert parse_target("L1_A=b=2.5MHz") == ("L1_A=b", 2500.0)
    assert parse_target("L1_A=40 Hz") == ("L1_A", 0.04)
    assert parse_target("L1_A=3") == ("L1_A", 3.0)
    assert is_menu("x.XML")
    assert not is_menu("vae")
    assert not is_menu("graph.json")
    assert input_files([]) == ()


def weighted(path: Path, of: Events, weights: np.ndarray) -> Path:
    return stored(path, Events({**of, "weight": weights[None]}, of.n))


def test_weighted_events_count_by_their_weight(tmp_path: Path) -> None:
    of = events(4000)
    weights = np.random.default_rng(5).choice([0.25, 1.0, 30.0], 4000)
    path = weighted(tmp_path / "w.parquet", of, weights)
    study = menu_rates(PLAIN, [path], targets={"L1_Jet50": 3000.0})
    flags = of["jet.et"][0] >= 100
    seed = seed_of(study, "Jet50")
    assert seed.total_before.khz == pytest.approx(FULL * weights[flags].sum() / weights.sum())
    assert seed.effective == pytest.approx(weights[flags].sum() ** 2 / (weights[flags] ** 2).sum())
    assert seed.count == int(flags.sum())
    relative = (seed.total_before.high_khz - seed.total_before.low_khz) / 2 / seed.total_before.khz
    assert relative == pytest.approx(
        (1 / seed.effective * (1 - seed.total_before.khz / FULL)) ** 0.5, rel=0.05
    )
    assert study.samples[0]["exposure"] == pytest.approx(weights.sum())
    assert study.samples[0]["weighted"]
    assert study.targets[0].rate.khz <= 3000
    expected = FULL * weights[of["jet.et"][0] >= study.targets[0].threshold - 1].sum() / weights.sum()
    assert expected > 3000
    alike = menu_rates(PLAIN, [weighted(tmp_path / "a.parquet", of, np.full(4000, 7.0))])
    plain = menu_rates(PLAIN, [stored(tmp_path / "p.parquet", of)])
    for a, b in zip(alike.seeds, plain.seeds, strict=True):
        assert a.total_before.khz == pytest.approx(b.total_before.khz)
        assert a.total_before.low_khz == pytest.approx(b.total_before.low_khz)
        assert a.effective == pytest.approx(b.effective)


def test_weighted_events_in_any_order_and_partition(tmp_path: Path) -> None:
    of = events(3000)
    weights = np.random.default_rng(5).choice([0.1, 1 / 3, 30.0], 3000)
    whole = menu_rates(PLAIN, [weighted(tmp_path / "w.parquet", of, weights)])
    order = np.random.default_rng(6).permutation(3000)
    halves = [
        weighted(tmp_path / f"{k}.parquet", of.select(order[k::2]), weights[order[k::2]]) for k in range(2)
    ]
    parts = menu_rates(PLAIN, halves[::-1], threads=3)
    assert parts.seeds == whole.seeds
    assert (parts.finor_before, parts.overlap_khz) == (whole.finor_before, whole.overlap_khz)


def test_what_weighted_events_cannot_tell(tmp_path: Path) -> None:
    of = events(200)
    path, plain = weighted(tmp_path / "w.parquet", of, np.ones(200)), stored(tmp_path / "p.parquet", of)
    study = menu_rates(menu(Jet50="j50", Before="jet_before"), [path])
    assert [(seed.name, seed.reason) for seed in study.excluded] == [
        ("L1_Before", "weighted events have no neighbouring crossings")
    ]
    with pytest.raises(InputError, match="other inputs have no weights"):
        menu_rates(PLAIN, [path, plain])
    bx = np.arange(200, dtype=np.int16)[None]
    orbit = weighted(tmp_path / "o.parquet", Events({**of, "bx": bx}, 200), np.ones(200))
    with pytest.raises(InputError, match="no neighbouring"):
        menu_rates(PLAIN, [orbit])
