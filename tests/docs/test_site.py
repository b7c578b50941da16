"""The documentation site builds without a warning, and its pages fetch nothing from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
IMPORTED = re.compile(r"(?:@import\s+(?:url\()?|url\()[\"']?(?:https?:)?//[^)\"']+")
CANONICAL = re.compile(r"rel=[\"']?canonical")


def build(target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target), *options]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = build(target)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def tool(docs_tool: Callable[[str], ModuleType]) -> Any:
    return docs_tool("site_pages")


def fetched(text: str) -> list[str]:
    """Addresses of other hosts that a browser would load when it shows ``text`` (HTML or CSS)."""
    elements = [tag for tag in FETCHED.findall(text) if not CANONICAL.search(tag)]
    return elements + IMPORTED.findall(text)


def test_pages_fetch_nothing(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 20
    assert {str(page): fetched(page.read_text()) for page in pages if fetched(page.read_text())} == {}


def test_reference_has_the_main_classes(site: Path) -> None:
    text = (site / "reference.html").read_text()
    for name in (
        "graph.Graph",
        "fixed.FixedType",
        "path.TriggerPath",
        "errors.InputError",
        "cosim.cosimulate",
    ):
        assert re.search(rf'id="l1forge\.[\w.]*{re.escape(name)}"', text), name


def test_pages_of_the_top_folder_are_in_the_site(site: Path) -> None:
    assert "Contributing" in (site / "contributing.html").read_text()
    assert "Unreleased" in (site / "changelog.html").read_text()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('<script src="https://example.org/x.js"></script>', 1),
        ('<link rel="stylesheet" href=//fonts.example.org/x.css>', 1),
        ("@import url('https://example.org/x.css');", 1),
        ('<img src="figures/path.svg"> <a href="https://example.org">link</a>', 0),
        ('<link rel="canonical" href="https://example.org/x.html">', 0),
    ],
)
def test_a_fetch_is_noticed(text: str, number: int) -> None:
    assert len(fetched(text)) == number


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# a\n\n[b](gone.md)\n")
    settings = (ROOT / "mkdocs.yml").read_text()
    settings = re.sub(r"^nav:\n(?: .*\n)+", "", settings, flags=re.MULTILINE)
    settings = re.sub(r"^hooks:\n(?: .*\n)+", "", settings, flags=re.MULTILINE)
    (tmp_path / "mkdocs.yml").write_text(settings)
    done = build(tmp_path / "site", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert done.returncode != 0
    assert "gone.md" in done.stderr


def test_public_names_are_listed_once(tool: Any) -> None:
    page = (
        "<!-- public names: filled -->\n\n## Emptied\n\n::: l1forge.c.Rates\n\n"
        "## Rest\n\n::: l1forge.a.Graph\n::: l1forge.b.Other\n"
    )
    public = {"l1forge.Graph": "l1forge.a.Graph", "l1forge.rates": "l1forge.c.rates"}
    assert tool.with_public_names(page, public, ["l1forge.c.Rates", "l1forge.a.Graph"]) == (
        "::: l1forge.a.Graph\n    options:\n      heading: l1forge.Graph\n\n"
        "::: l1forge.c.rates\n    options:\n      heading: l1forge.rates\n\n"
        "::: l1forge.c.Rates\n\n## Rest\n\n::: l1forge.b.Other\n"
    )


def test_public_names_are_where_they_are_defined(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.emulator.menu.language.load import load_menu

    names = ["Graph", "load_menu", "LIMIT", "__version__"]
    face = SimpleNamespace(__all__=names, Graph=Graph, load_menu=load_menu, LIMIT=3)
    monkeypatch.setattr(tool, "l1forge", face)
    assert tool.public_names() == {
        "l1forge.Graph": "l1forge.emulator.graph.graph.Graph",
        "l1forge.load_menu": "l1forge.emulator.menu.language.load.load_menu",
        "l1forge.LIMIT": "l1forge.LIMIT",
    }
    assert tool.results() == ["l1forge.emulator.menu.compiled.CompiledMenu"]


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("[a](docs/graph.md#nodes)", "[a](graph.md#nodes)"),  # of a page at the top of the repository
        ("[a](../../docs/formats.md)", "[a](formats.md)"),
        ("[a](../CONTRIBUTING.md#a-model)", "[a](contributing.md#a-model)"),
        ("![a](../models/vae/curves.png)", "![a](repository/models/vae/curves.png)"),
        ("[a](graph.md) [b](https://example.org/../x)", "[a](graph.md) [b](https://example.org/../x)"),
    ],
)
def test_links_lead_to_where_files_are_in_the_site(tool: Any, link: str, moved: str) -> None:
    assert tool.moved(link) == moved
