"""What `l1forge optimise` varies: a user's Python file that trains a graph, or the constants of a graph."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.studies.narrowing import narrowed, space_of
from l1forge.studies.sources import load_graph

if TYPE_CHECKING:
    from optuna.trial import Trial

Settings = dict[str, Any]
Space = Mapping[str, Any]
"""Name -> ``(low, high)`` or ``(low, high, "log")`` of integers or floats, or a list of choices."""


class Subject(ABC):
    """``digest`` identifies what is searched, ``space`` the settings that are tried."""

    name: str
    digest: str
    space: Space

    def drawn(self, trial: Trial) -> Settings:
        """The settings of a trial."""
        return {name: _drawn(trial, name, choices) for name, choices in self.space.items()}

    @abstractmethod
    def graph(self, settings: Settings, seed: int) -> Graph:
        """The graph of these settings."""

    @abstractmethod
    def loss(self, graph: Graph, seed: int) -> float | None:
        """The subject's own loss on validation data, smaller is better; None if it has none."""


class TrainedByFile(Subject):
    """MODEL.py with ``SETTINGS``, ``train(settings, data, seed)`` and perhaps ``loss(graph, data, seed)``."""

    def __init__(self, file: Path, data: Sequence[Path], validation: Sequence[Path]) -> None:
        self.file, self.data, self.validation = file, list(data), list(validation)
        self.name = file.stem
        self.digest = hashlib.sha256(file.read_bytes()).hexdigest()
        self.module = _imported(file)
        self.space = getattr(self.module, "SETTINGS", {})
        if not callable(getattr(self.module, "train", None)):
            raise InputError("has no function train(settings, data, seed)", file=file)
        _check(self.space, file)

    @property
    def has_loss(self) -> bool:
        return callable(getattr(self.module, "loss", None))

    def graph(self, settings: Settings, seed: int) -> Graph:
        made = self.module.train(dict(settings), list(self.data), seed)
        if isinstance(made, str | Path):
            return Graph.load(made)
        if not isinstance(made, Graph):
            raise InputError(
                "train must return a graph or the path of one", file=self.file, value=type(made).__name__
            )
        return made

    def loss(self, graph: Graph, seed: int) -> float | None:
        if not self.has_loss:
            return None
        return float(self.module.loss(graph, list(self.validation or self.data), seed))


class Narrowed(Subject):
    """A graph whose inputs and constants lose bits and whose smallest weights are pruned."""

    def __init__(self, model: str) -> None:
        self.original = load_graph(model)
        self.name = self.original.name
        self.digest = hashlib.sha256(self.original.to_json().encode()).hexdigest()
        self.space = space_of(self.original)
        if not self.space:
            raise InputError(
                "has nothing to narrow: no weights, no tables, no wide inputs",
                file=self.original.file,
                remedy="give a Python file that trains a graph",
            )

    def graph(self, settings: Settings, seed: int) -> Graph:
        return narrowed(self.original, settings)

    def loss(self, graph: Graph, seed: int) -> float | None:
        return None


def subject_of(model: str, data: Sequence[Path], validation: Sequence[Path]) -> Subject:
    """A Python file, or the name or path of a graph.

    Raises
    ------
    InputError
        If the file is missing, cannot be imported or lacks what the search needs.
    """
    if not model.endswith(".py"):
        return Narrowed(model)
    file = Path(model)
    if not file.is_file():
        raise InputError("no such file", file=file)
    return TrainedByFile(file, data, validation)


def _imported(file: Path) -> Any:
    """The user's file as a module that only this search knows."""
    spec = importlib.util.spec_from_file_location(f"l1forge_optimised_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"cannot be imported: {type(error).__name__}: {error}", file=file) from error
    return module


def _check(space: Any, file: Path) -> None:
    if not isinstance(space, Mapping) or not space:
        raise InputError(
            "needs SETTINGS, the settings to try",
            file=file,
            remedy='SETTINGS = {"bits": (2, 8), "act": ["relu"]}',
        )
    for name, choices in space.items():
        is_list = isinstance(choices, list) and choices
        is_range = (
            isinstance(choices, tuple)
            and len(choices) in (2, 3)
            and all(isinstance(end, int | float) and not isinstance(end, bool) for end in choices[:2])
            and choices[0] <= choices[1]
            and choices[2:] in ((), ("log",))
            and (choices[2:] == () or choices[0] > 0)
        )
        if not is_list and not is_range:
            raise InputError(
                "is no range and no list of choices",
                file=file,
                field=f"SETTINGS[{name!r}]",
                value=choices,
                remedy='(low, high), (low, high, "log") with low > 0, or a list',
            )


def _drawn(trial: Trial, name: str, choices: Any) -> Any:
    if isinstance(choices, list):
        return choices[trial.suggest_categorical(name, list(range(len(choices))))]
    low, high, *log = choices
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=bool(log))
    return trial.suggest_float(name, float(low), float(high), log=bool(log))
