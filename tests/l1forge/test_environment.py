"""Every environment variable is in --help and on the page; the page and the limits agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.emulator.graph import graph
from l1forge.emulator.menu.language import yaml_tree
from l1forge.screen.environment import VARIABLES, markdown

ROOT = Path(__file__).parents[2]
FOLDERS = ("emulator", "simulation", "models", "firmware", "testbench", "l1forge")
INTERNAL = {"L1FORGE_COCOTB_RUN", "L1FORGE_AXI_RUN"}
"""Between a process and its own child."""
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")


def test_every_variable_is_listed() -> None:
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = {name for path in sources for name in re.findall(r"\bL1FORGE_[A-Z_]+\b", path.read_text())}
    assert found - INTERNAL == {name for name in VARIABLES if name.startswith("L1FORGE_")}


def test_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert [name for name in VARIABLES if name not in said] == []


def test_the_page_has_the_table_and_the_limits() -> None:
    assert markdown() in PAGE
    for limit in (graph.MOST_NODES, graph.MOST_ELEMENTS, yaml_tree.MOST_VALUES):
        assert f"{limit:,}".replace(",", " ") in PAGE
