"""Every Python block of the README and of docs/ runs as it is written, page by page.

Blocks of a page run in order in one namespace, in an empty folder beside links to the repository's folders.
What a block needs and a reader knows (``events``, ``menu.yaml``) is in an invisible block before it
(``<!--- invisible-code-block: python``).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
LINKED = ("models", "simulation", "emulator")
BLOCK = re.compile(r"^```python$", re.MULTILINE)
PAGES = [
    path
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if BLOCK.search(path.read_text(encoding="utf-8"))
]


def run_page(page: Path) -> int:
    """Run all blocks in the current folder; how many there were."""
    examples = list(Sybil([PythonCodeBlockParser()]).parse(page).examples())
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_of_a_page_runs(page: Path, folder: Path) -> None:
    assert run_page(page) >= len(BLOCK.findall(page.read_text(encoding="utf-8"))) > 0


def test_pages_with_python_are_found() -> None:
    assert {"README.md", "python.md", "path.md", "cosim.md"} <= {page.name for page in PAGES}


def test_a_block_that_fails_is_noticed(folder: Path) -> None:
    page = folder / "wrong.md"
    page.write_text("```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError):
        run_page(page)
    page.write_text("```python\n>>> 1 + 1\n3\n\n```\n")
    with pytest.raises(AssertionError, match="Expected:"):
        run_page(page)
