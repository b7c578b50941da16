"""The drawing of the house in docs/architecture.md agrees with the imports and shows broken contracts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ALLOWED, FORBIDDEN = 'fill="#2d7d32"', 'fill="#c62828"'


@pytest.fixture(scope="module")
def tool(docs_tool: Callable[[str], ModuleType]) -> Any:
    return docs_tool("draw_house")


@pytest.fixture(scope="module")
def house(tool: Any) -> Any:
    return tool.read_house(
        (ROOT / "pyproject.toml").read_text(), grimp.build_graph("l1forge", cache_dir=None)
    )


def test_committed_drawing_agrees_with_the_imports(tool: Any, house: Any) -> None:
    assert (ROOT / "docs/figures/house.svg").read_text() == tool.to_svg(house), "run: make house"


def test_committed_table_agrees_with_the_imports(tool: Any, house: Any) -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    assert page == tool.with_table(page, tool.to_table(house)), "run: make house"


def test_a_new_import_changes_the_drawing(tool: Any, house: Any) -> None:
    assert ("testbench", "simulation") not in house.imports
    more = replace(house, imports=house.imports | {("testbench", "simulation")})
    before, after = tool.to_svg(house), tool.to_svg(more)
    assert after.count(ALLOWED) == before.count(ALLOWED) + 1
    assert after.count(FORBIDDEN) == before.count(FORBIDDEN)


@pytest.mark.parametrize("pair", [("emulator", "firmware"), ("simulation", "firmware")])
def test_an_import_against_the_contract_is_red(tool: Any, house: Any, pair: tuple[str, str]) -> None:
    more = replace(house, imports=house.imports | {pair})
    assert tool.to_svg(more).count(FORBIDDEN) == tool.to_svg(house).count(FORBIDDEN) + 1


def test_layers_are_read_from_the_contract(tool: Any) -> None:
    text = """
        [tool.importlinter]
        [[tool.importlinter.contracts]]
        type = "forbidden"
        [[tool.importlinter.contracts]]
        type = "layers"
        layers = ["l1forge.cli", "l1forge.simulation | l1forge.firmware", "(l1forge.emulator)"]
    """
    assert tool.layers(text) == [["cli"], ["simulation", "firmware"], ["emulator"]]


def test_a_room_that_the_contract_forgot_is_named(tool: Any) -> None:
    text = '[[tool.importlinter.contracts]]\ntype = "layers"\nlayers = ["l1forge.emulator"]'
    graph = grimp.build_graph("l1forge", cache_dir=None)
    with pytest.raises(ValueError, match=r"not in the layers contract of pyproject\.toml: .*firmware"):
        tool.read_house(text, graph)


def test_long_lists_of_names_are_cut_and_counted(tool: Any) -> None:
    names = tuple(f"folder_{number:02d}" for number in range(20))
    lines = tool.wrapped(names)
    assert len(lines) == 2
    shown = sum(line.count("folder") for line in lines)
    assert lines[1].endswith(f" · {20 - shown} more")
    assert tool.wrapped(("bdt", "hls")) == ["bdt · hls"]
