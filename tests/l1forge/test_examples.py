"""The notebooks of examples/ run from the first cell to the last, and show pictures."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
CELL_SECONDS = 300


def run(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Execute in ``folder``; the kinds of all results."""
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [kind for output in outputs for kind in output.get("data", {})]


@pytest.mark.filterwarnings("ignore")  # jupyter_client about its own event loop
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_tables_and_pictures(path: Path, tmp_path: Path) -> None:
    shown = run(nbformat.read(path, as_version=4), tmp_path)
    assert "image/png" in shown
    assert "text/html" in shown


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_there_are_three() -> None:
    assert {path.stem for path in EXAMPLES} == {"anomaly_to_rate", "menu_study", "bdt_to_firmware"}


@pytest.mark.filterwarnings("ignore")
def test_a_cell_that_fails_is_noticed(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run(notebook, tmp_path)
