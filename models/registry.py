"""What the models of this repository offer: one declaration in each model's folder, found by its file name.

A folder ``models/NAME`` with a module ``offers.py`` that holds ``MODEL = Model(NAME, ...)`` is a model; the
commands train, evaluate, firmware, cosim and path find it there. ``offers.py`` is imported to list the models
and therefore imports no framework: the functions that it names import what they need when they are called.

Models of other people have the same declarations: in the folders of a project (``models/project.py``), or in
an installed package that names them as entry points of the group ``l1forge.models``.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.check_files import check_event_files
from l1forge.models import FOLDER, GRAPH
from l1forge.models.project import OFFERS, project

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l1forge.emulator.scoring.trained_inputs import TrainedInputs

GROUP = "l1forge.models"
"""Entry points of installed packages: name = "package.module:MODEL"."""
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
class Samples:
    """Files of a model whose inputs are no event columns: what ``l1forge rates NAME`` reads by default.

    ``trained``: how many of the first rows of ``zero_bias`` trained the model.
    """

    zero_bias: Path
    signals: tuple[Path, ...]
    trained: int


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
    written
        Its HLS project is C++ written from its graph, because hls4ml has no layers for it.
    stage
        ``stage(graph, scores)`` is a stage of the trigger path that computes the menu's ``scores`` with the
        graph file ``graph``. Models without one are scored from event columns.
    inputs
        The record of what it was trained on, from the committed training sample.
    samples
        The committed files of a model that event files do not feed.
    rows
        ``rows(file)`` are real inputs, integers of shape (n, elements), of a model that event files do not
        feed: those of its own sample (file None), or of a user's file of the same kind.
    home
        The model's folder, where it is not one of this package; set for models of a project.
    """

    name: str
    training: Training | None = None
    evaluate: Callable[[Path, Report], dict[str, Any]] | None = None
    hls: Callable[[Path], Any] | None = None
    written: bool = False
    stage: Callable[[Path, tuple[str, ...]], Any] | None = None
    inputs: Callable[[], TrainedInputs] | None = None
    samples: Callable[[], Samples] | None = None
    rows: Callable[[Path | None], NDArray[np.int64]] | None = None
    home: Path | None = None

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return self.home or FOLDER / self.name

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


def models() -> dict[str, Model]:
    """Name -> model, sorted by name: of this package, of installed packages, of the current project.

    Raises
    ------
    TypeError
        If a folder of this package declares no model, or one with another name than the folder's.
    InputError
        If a declaration of other people is wrong or fails, or two models have one name.
    """
    found = dict(own_models())
    for model in _installed():
        _add(found, model, model.folder)
    current = project()
    for name, folder in ({} if current is None else current.models).items():
        _add(found, _of_folder(name, folder), folder)
    return dict(sorted(found.items()))


@cache
def own_models() -> dict[str, Model]:
    """The models of this package, without those of projects and installed packages."""
    found: dict[str, Model] = {}
    for file in sorted(FOLDER.glob(f"*/{OFFERS}")):
        name = file.parent.name
        model = getattr(importlib.import_module(f"l1forge.models.{name}.offers"), "MODEL", None)
        if not isinstance(model, Model) or model.name != name:
            raise TypeError(f"{file}: MODEL = Model({name!r}, ...) expected, not {model!r}")
        found[name] = model
    return found


def _add(found: dict[str, Model], model: Model, place: Path) -> None:
    if model.name in found:
        raise InputError(
            "two models have one name",
            file=place,
            value=model.name,
            remedy=f"rename it; the other one is {found[model.name].folder}",
        )
    found[model.name] = model


@cache
def _installed() -> tuple[Model, ...]:
    """The models that installed packages name; each says where its folder is (``home``)."""
    found = []
    for point in entry_points(group=GROUP):
        model = _run(point.load, point.value, point.name)
        if not isinstance(model, Model) or model.name != point.name or model.home is None:
            raise InputError(
                "is not a model",
                field=f"entry point {point.name}",
                value=point.value,
                remedy=f"MODEL = Model({point.name!r}, ..., home=Path(__file__).parent)",
            )
        found.append(model)
    return tuple(found)


@cache
def _of_folder(name: str, folder: Path) -> Model:
    """The model of a project's folder; its ``offers.py`` is a module of a package of its own, ``NAME``."""
    file = folder / OFFERS
    if not file.is_file():
        return Model(name, home=folder)
    place = zlib.crc32(str(folder).encode())  # models of one name in two projects are two modules
    package = ModuleType(f"l1forge_project_{place:08x}_{name}")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    module = _run(lambda: importlib.import_module(f"{package.__name__}.offers"), str(file), name)
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model) or model.name != name:
        raise InputError(f"MODEL = Model({name!r}, ...) is expected", file=file, value=model)
    return replace(model, home=folder)


def _run(load: Callable[[], Any], place: str, name: str) -> Any:
    """What other people's code gives; InputError with its own words where it fails."""
    try:
        return load()
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise InputError(
            f"the declaration of model {name} fails: {said}", file=place, remedy="mend it, or take it away"
        ) from error


def hls_of(name: str) -> Callable[[Path], Any] | None:
    """How the hls4ml project of a model is made; None for one that has none, and for graph files."""
    model = models().get(name)
    return None if model is None else model.hls


def check_rows(name: str, files: Sequence[Path] | None) -> None:
    """Demand that ``files`` are what the model reads: event files, or those that its ``rows`` takes.

    Raises
    ------
    InputError
        A file is missing, of another kind or empty.
    """
    model = models().get(name)
    if model is None or model.rows is None:
        check_event_files(files)
        return
    for file in files or ():
        model.rows(file)


def rows_of(name: str, files: Sequence[Path] | None = None) -> NDArray[np.int64] | None:
    """Real inputs of a model that event files do not feed, of its sample or of ``files``; None for others."""
    model = models().get(name)
    if model is None or model.rows is None:
        return None
    import numpy as np

    sources: list[Path | None] = list(files) if files else [None]
    return np.concatenate([model.rows(source) for source in sources])
