"""The page about a model: network, layers, histories with damaged lines, physics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel.lowering import proven_ranges
from l1forge.firmware.synth.estimate import estimate, estimate_nodes
from l1forge.firmware.synth.table import Table
from l1forge.models import graph_path
from l1forge.studies.report import FirmwareReport, report

RUN = {"step": "cosim", "when": "2026-01-01", "passed": True, "verdict": "0 mismatches", "digest": "d" * 64}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path))
    (tmp_path / "reports" / "tau_id").mkdir(parents=True)
    (tmp_path / "rates" / "tau_id").mkdir(parents=True)
    return tmp_path


def history(build: Path, *lines: object) -> FirmwareReport:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (build / "reports" / "tau_id" / "history.jsonl").write_text(text)
    return report("tau_id")


def test_layers_have_proven_ranges_bits_in_use_and_estimates(build: Path) -> None:
    found = report("vae_dense")
    rows = {row.name: row for row in found.layers}
    assert (rows["x"].type_bits, rows["x"].proven_bits) == (13, 13)
    assert (rows["relu_1"].least, rows["relu_1"].most, rows["relu_1"].proven_bits) == (0, 31.875, 8)
    assert found.data == "zerobias.parquet"
    for row in found.layers:
        assert row.used_bits is not None
        assert row.used_bits <= row.type_bits
    whole = estimate(Graph.load(graph_path("vae_dense")))
    parts = [row.lut for row in found.layers if row.lut is not None]
    assert sum(parts) == pytest.approx(whole.lut, abs=len(parts))
    assert max(row.clock for row in found.layers if row.clock) == whole.latency_clocks
    assert report("tau_id").layers[0].used_bits is None  # its inputs are no event columns


def test_estimates_of_nodes_add_up() -> None:
    graph = Graph.load(graph_path("tau_id"))
    assert sum(lut for lut, _ in estimate_nodes(graph).values()) == pytest.approx(estimate(graph).lut, abs=2)
    interval = proven_ranges(graph)["quantised"]
    assert (min(interval.low), max(interval.high)) == (0, 1023)


def test_bits_in_use_on_given_data(build: Path, tmp_path: Path) -> None:
    values = np.zeros((20, 25), np.int64)
    values[:, 0] = np.arange(20)
    np.save(tmp_path / "x.npy", values)
    rows = report("tau_id", tmp_path / "x.npy").layers
    assert (rows[0].name, rows[0].used_bits) == ("features", 5)
    with pytest.raises(InputError):
        report("tau_id", tmp_path / "none.npy")


def test_the_strongest_verification_is_first_and_damaged_lines_do_no_harm(build: Path) -> None:
    found = history(
        build,
        RUN | {"crossings": 10**6, "checked": {"rtl": 10**6}, "when": "a"},
        RUN | {"crossings": 2000, "checked": {"rtl": 2000, "hls": 2000}, "when": "b"},
        RUN | {"crossings": 10**7, "checked": {"rtl": 1, "hls": 2}, "passed": False, "when": "c"},
        RUN | {"crossings": "many", "checked": None, "when": "d"},
        '{"step": "cosim", "when": ',
        "[1]",
        {"step": "synth", "lut": 12, "ff": 3, "tool": "<b>"},
        {"step": "synth"},
    )
    assert [run["when"] for run in found.verifications] == ["b", "a", "d", "c"]
    page = found.html()
    assert "FAILED: 0 mismatches" in page
    assert "&lt;b&gt;" in page
    parts = Table.load(Path(__file__).parents[2] / "docs" / "synthesis.json").parts_of("tau_id")
    assert "xcup" in parts
    assert page.count("<tr><td>docs/synthesis.json</td>") == len(parts)
    assert "History of co-verifications" in found.markdown()


def test_the_trend_has_a_line_for_each_part(build: Path) -> None:
    run = {"step": "synth", "lut": 12, "ff": 3, "tool": "t", "family": "xcku"}
    found = history(build, run, run | {"family": "xc7z", "lut": 14})
    assert "plot-trend" not in found.html()  # every part once: no trend
    page = history(build, run, run | {"family": "xc7z", "lut": 14}, run | {"lut": 13}).html()
    assert '"plot-trend"' in page
    for label in ("LUT, xcku", "FF, xcku", "LUT, xc7z"):
        assert label in page
    assert "12 LUT, 3 FF, None clocks (t, xcku, design None)" in found.markdown()


def test_physics_comes_from_the_last_rate_study(build: Path) -> None:
    assert "not run yet: <code>l1forge rates tau_id</code>" in report("tau_id").html()
    file = build / "rates" / "tau_id" / "rates.json"
    rate = {"rate_khz": 9.0, "rate_low_khz": 8.0, "rate_high_khz": 11.0}
    target = {
        "target_khz": 10.0,
        "threshold": 5,
        "efficiency": {"taus": {"value": 0.5, "low": 0.4, "high": 0.6}},
    }
    document = {
        "score": "score",
        "zero_bias": "zb.npy",
        "zero_bias_crossings": 100,
        "curve": [rate | {"threshold": i} for i in range(3)],
        "targets": [target | rate],
    }
    file.write_text(json.dumps(document))
    found = report("tau_id")
    assert "score ≥ 5 for 10 kHz | 9.00 +2.00 -1.00 kHz; taus 50.0 %" in found.markdown()
    plots = re.findall(r'<script type="application/json">(.*?)</script>', found.html())
    assert [json.loads(plot)["target_id"] for plot in plots] == ["plot-rate", "plot-efficiency"]
    for damaged in ("[]", "{", '{"curve": [{}]}', json.dumps(document | {"targets": [{}]})):
        file.write_text(damaged)
        with pytest.raises(InputError, match="is not a result of `l1forge rates`"):
            report("tau_id")


def test_the_page_fetches_nothing(build: Path) -> None:
    page = report("vae").html()
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert "</svg>" in page
    assert "bokeh" not in page  # no plot, no library: 30 kB
