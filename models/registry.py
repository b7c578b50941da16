"""What the models of this repository offer: one declaration in each model's folder, found by its file name.

A folder ``models/NAME`` with a module ``offers.py`` that holds ``MODEL = Model(NAME, ...)`` is a model; the
commands train, evaluate, firmware, cosim and path find it there. ``offers.py`` is imported to list the models
and therefore imports no framework: the functions that it names import what they need when they are called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l1forge.models import FOLDER, GRAPH

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs

OFFERS = "offers.py"
Report = Callable[[object], object]
"""Takes a line of text or a rich table; ``rich.print`` is one."""


@dataclass(frozen=True)
class Training:
    """How a model is trained: ``run(seed, output, report, **options)``.

    Parameters
    ----------
    run
        Its further parameters, annotated as typer takes them, are options of ``l1forge train NAME``, and its
        docstring is the help.
    seed
        Default of ``--seed``.
    writes
        ``folder``: into an empty folder whose files become the model's if all went well; ``folders``: it
        replaces folders itself, and is given None for its own; ``file``: one file, None for its own.
    talks
        Whether its framework writes to standard error all the time, so that this is held back.
    """

    run: Callable[..., object]
    seed: int = 1
    writes: Literal["folder", "folders", "file"] = "folder"
    talks: bool = False


@dataclass(frozen=True)
class Model:
    """One algorithm; what it does not offer is None.

    Parameters
    ----------
    training
        How ``l1forge train NAME`` trains it.
    evaluate
        ``evaluate(folder, report)`` writes figures and JSON into ``folder``, returns the report as plain
        data; its docstring is the help of ``l1forge evaluate NAME``.
    hls
        ``hls(folder)`` is hls4ml's ``ModelGraph`` with project folder ``folder``.
    stage
        ``stage(graph, scores)`` is a stage of the trigger path that computes the menu's ``scores`` with the
        graph file ``graph``. Models without one are scored from event columns.
    inputs
        The record of what it was trained on, from the committed training sample.
    """

    name: str
    training: Training | None = None
    evaluate: Callable[[Path, Report], dict[str, Any]] | None = None
    hls: Callable[[Path], Any] | None = None
    stage: Callable[[Path, tuple[str, ...]], Any] | None = None
    inputs: Callable[[], TrainedInputs] | None = None

    @property
    def folder(self) -> Path:
        """The model's folder in this package."""
        return FOLDER / self.name

    @property
    def graph(self) -> Path | None:
        """The committed graph file; None for an algorithm that is no graph."""
        file = self.folder / GRAPH
        return file if file.is_file() else None

    @property
    def record(self) -> Path:
        """Where the record of its training inputs lies."""
        from l1forge.emulator.scoring.trained_inputs import record_beside

        return record_beside(self.folder / GRAPH)


@cache
def models() -> dict[str, Model]:
    """Name -> model, sorted by name.

    Raises
    ------
    TypeError
        If a folder declares no model, or one with another name than the folder's.
    """
    found: dict[str, Model] = {}
    for file in sorted(FOLDER.glob(f"*/{OFFERS}")):
        name = file.parent.name
        model = getattr(importlib.import_module(f"l1forge.models.{name}.offers"), "MODEL", None)
        if not isinstance(model, Model) or model.name != name:
            raise TypeError(f"{file}: MODEL = Model({name!r}, ...) expected, not {model!r}")
        found[name] = model
    return found


def hls_of(name: str) -> Callable[[Path], Any] | None:
    """How the hls4ml project of a model is made; None for one that has none, and for graph files."""
    model = models().get(name)
    return None if model is None else model.hls
