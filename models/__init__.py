"""One folder per algorithm: definition, training, evaluation, trained artefact."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError

FOLDER = Path(__file__).parent
GRAPH = "graph.json"


def available() -> list[str]:
    """Names of the models that have a graph: those of this package, and those of the user's project."""
    own = {path.parent.name for path in FOLDER.glob(f"*/{GRAPH}")}
    return sorted(own | {name for name, folder in _of_project().items() if (folder / GRAPH).is_file()})


def _of_project() -> dict[str, Path]:
    """Folder of every model of the project that the current folder lies in."""
    from l1forge.models.project import project

    found = project()
    return {} if found is None else found.models


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
    folder = _of_project().get(model)
    if folder is not None and (folder / GRAPH).is_file():
        return folder / GRAPH
    if folder is not None:
        raise InputError(
            "is not trained yet: it has no graph",
            file=folder / GRAPH,
            field="MODEL",
            value=model,
            remedy=f"train it: l1forge train {model}",
        )
    raise InputError(
        "is neither a model nor a graph file",
        field="MODEL",
        value=model,
        remedy=f"models: {', '.join(available()) or 'none'}; or give the path of a graph.json",
    )
