"""What co-verifications left behind: the strongest record of a design, and one line for every run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import append_line
from l1forge.testbench.outcome import Report

RECORD, HISTORY = "cosim.json", "history.jsonl"


def keep(report: Report, folder: Path) -> str | None:
    """Add ``report`` to the history of ``folder``, and make it the record unless a stronger one is there.

    A run replaces the record if it failed, if the record is of another design, or if it compared at least as
    many crossings with every implementation of the record. Where it does not, returns why, for the user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    append_line(folder / HISTORY, json.dumps(_line(report)))
    reason = _weaker(report, folder / RECORD)
    if reason is None:
        report.save(folder / RECORD)
    return reason


def _line(report: Report) -> dict[str, Any]:
    names = ("name", "digest", "driver", "crossings", "checked", "stimuli", "mismatches", "interrupted")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "when": when,
        "step": "cosim",
        **{name: getattr(report, name) for name in names},
        "passed": report.passed,
        "verdict": report.verdict,
    }


def _weaker(report: Report, record: Path) -> str | None:
    """Why the record is to stay, None if it is not."""
    wrong = report.mismatches or report.misplaced or report.missing
    if wrong or not (report.crossings or report.interrupted):
        return None  # a failure is never hidden by what passed before
    try:
        old = json.loads(record.read_text(encoding="utf-8"))
        same, crossings, checked = old["digest"] == report.digest, int(old["crossings"]), dict(old["checked"])
        verdict = str(old["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no record, or one of another version
    if not same:
        return None
    fewer = crossings > report.crossings
    missing = [name for name, count in checked.items() if report.checked.get(name, 0) < int(count)]
    if not (fewer or missing):
        return None
    return f"{record} keeps the stronger record: {verdict}; this run is in {record.with_name(HISTORY)}"
