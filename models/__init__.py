"""One folder per algorithm: definition, training, evaluation, trained artefact."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError

FOLDER = Path(__file__).parent
GRAPH = "graph.json"


def available() -> list[str]:
    """Names of the models that have a committed graph."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{GRAPH}"))


def graph_path(model: str) -> Path:
    """The graph file of a model given by name, or the path itself if it is one.

    Raises
    ------
    InputError
        If there is neither such a model nor such a file.
    """
    named = FOLDER / model / GRAPH
    if named.parent.parent == FOLDER and named.is_file():
        return named
    path = Path(model)
    if path.is_file():
        return path
    raise InputError(
        "is neither a model nor a graph file",
        field="MODEL",
        value=model,
        remedy=f"models: {', '.join(available()) or 'none'}; or give the path of a graph.json",
    )
