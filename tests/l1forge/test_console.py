"""Tables and lines are printed in full, however narrow the terminal; files get them as wide as they are."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.screen.console import Console
from tests.l1forge.broken import random_events

ROOT = Path(__file__).parents[2]
NUMBERS = [f"{7919**k:,}" for k in range(1, 9)]
NAME = "a name of some words"


def table() -> Table:
    table = Table("name", *(f"heading{k}" for k in range(8)), title="a title")
    table.add_row(NAME, *NUMBERS)
    return table


@pytest.mark.parametrize("width", [1, 40, 80, 120, 300])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_number_is_cut_or_broken(width: int, terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    console.print(table())
    text = out.getvalue()
    assert "…" not in text
    assert all(number in text for number in NUMBERS)
    assert all(f"heading{k}" in text for k in range(8))
    assert (NAME in text) is (not terminal or width == 300)  # a narrow terminal's lines break between words
    assert all(word in text for word in NAME.split())
    assert console.width == width


def test_lines_are_not_broken() -> None:
    out = io.StringIO()
    Console(file=out, width=40).print(" ".join(NUMBERS))
    assert out.getvalue() == " ".join(NUMBERS) + "\n"


def test_every_command_prints_so() -> None:
    for file in [*ROOT.glob("l1forge/**/*.py"), *ROOT.glob("models/**/*.py")]:
        if file.name != "console.py":
            assert not re.search(r"rich\.console import.*Console", file.read_text()), file
    for file in ROOT.glob("l1forge/**/*.py"):  # models print with rich where no command gives its console
        assert not re.search(r"rich import print", file.read_text()), file


@pytest.mark.parametrize("columns", ["40", None])
def test_a_command_in_a_pipe(columns: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    events = tmp_path / f"{'long' * 12}.parquet"
    write_events(events, [random_events(50)])
    command = [sys.executable, "-m", "l1forge.cli", "emulate", "vae_dense", str(events), "--plan"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "…" not in out
    rows = [line for line in out.splitlines() if re.match(r"│ *(mu2|kl)_score +│", line)]
    assert len(rows) == 4  # two in each table, each on one line
    assert all(line.endswith("│") for line in rows)
