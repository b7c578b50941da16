"""A weaker co-verification does not replace the record of a stronger one; the history has every run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from l1forge.testbench.outcome import Report
from l1forge.testbench.records import HISTORY, RECORD, keep


def _report(crossings: int, digest: str = "d1", hls: bool = True, **other: int | bool) -> Report:
    checked = {"rtl": crossings} | ({"hls": crossings} if hls else {})
    return Report("net", digest, "compiled", 3, 4.2, crossings, checked=checked, **other)  # type: ignore[arg-type]


def _record(folder: Path) -> dict:
    return json.loads((folder / RECORD).read_text())


@pytest.mark.parametrize(
    ("second", "replaced"),
    [
        (_report(1000), False),  # a run with waves
        (_report(100_000, hls=False), False),
        (_report(60_000, interrupted=True), False),
        (_report(100_000), True),
        (_report(200_000), True),
        (_report(200_000, hls=False), False),
        (_report(1000, digest="d2"), True),  # the design changed: nothing is known of it but this
        (_report(1000, mismatches=1), True),  # a failure is never hidden
        (_report(0, interrupted=True), False),  # Ctrl-C before the first crossing
        (_report(0), True),  # compared nothing: that is a failure
    ],
)
def test_what_replaces_a_record(second: Report, replaced: bool, tmp_path: Path) -> None:
    assert keep(_report(100_000), tmp_path) is None
    reason = keep(second, tmp_path)
    assert (reason is None) == replaced
    assert _record(tmp_path)["crossings"] == (second.crossings if replaced else 100_000)
    assert replaced or "0 mismatches in 100,000 crossings" in str(reason)
    history = [json.loads(line) for line in (tmp_path / HISTORY).read_text().splitlines()]
    assert [(run["crossings"], run["digest"], run["passed"]) for run in history] == [
        (100_000, "d1", True),
        (second.crossings, second.digest, second.passed),
    ]


def test_a_failure_stays_until_as_much_has_passed(tmp_path: Path) -> None:
    keep(_report(50_000, mismatches=3), tmp_path)
    assert keep(_report(1000), tmp_path)
    assert not _record(tmp_path)["passed"]
    assert keep(_report(50_000), tmp_path) is None
    assert _record(tmp_path)["passed"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"digest": "d1", "crossings": "many"}'])
def test_what_is_no_record_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(text)
    assert keep(_report(10), tmp_path) is None
    assert _record(tmp_path)["crossings"] == 10
