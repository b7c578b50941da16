"""What `l1forge path` evaluates on its source: seeds, given scores, crossings that trained no model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    from l1forge.emulator.events.source import EventSource
    from l1forge.emulator.menu.compiled import CompiledMenu
    from l1forge.emulator.menu.excluded import Excluded


def evaluable(
    menu: CompiledMenu, columns: Collection[str], without_models: Sequence[str]
) -> tuple[CompiledMenu, tuple[Excluded, ...]]:
    """The menu without seeds that need ``without_models`` or inputs that ``columns`` lack; and these seeds.

    Raises
    ------
    InputError
        If the menu does not use one of the models, or no seed is left.
    """
    from l1forge.emulator.menu.excluded import absent_inputs, of_models, without

    return without(menu, absent_inputs(menu, columns) | of_models(menu, without_models))


def given_scores(
    path: Path, menu: CompiledMenu, source: EventSource, signal: Path | None, without_models: Sequence[str]
) -> dict[str, Any]:
    """Scores of ``path`` by the menu's names, one row for each row of ``source``'s file.

    Raises
    ------
    InputError
        If the file does not fit menu or source, or the stream holds events that it has no scores of.
    """
    from l1forge.emulator.stream.open import STANDARD_INPUT
    from l1forge.studies.score_files import menu_scores

    if source.path == STANDARD_INPUT:
        raise InputError(
            "needs a file as SOURCE", field="--scores", value=str(path), remedy="save the rows first"
        )
    if signal is not None:
        raise InputError(
            "has no scores of the signal",
            field="--scores",
            value=str(path),
            remedy="give --model, or leave --signal out",
        )
    scores = menu_scores(path, menu, without_models)
    rows = source.first + _crossings(source)
    for name, values in scores.items():
        if values.shape[-1] != rows:
            raise InputError(
                f"{rows} crossings in {source.path}, but scores of {values.shape[-1]}",
                file=path,
                field=name,
                remedy="scores need one row for each row of the source",
            )
    return scores


def _crossings(source: EventSource) -> int:
    """Crossings of a file, read once where its header does not tell; its notes are left as they are."""
    if source.n is not None:
        return source.n
    before = source.notes.copy()
    count = sum(events.n for events in source.blocks(["bx"]))
    source.notes.clear()
    source.notes.update(before)
    return count


def trained_part(source: EventSource, sample: Path) -> EventSource:
    """``source`` without the crossings that trained the models, if it is the committed zero-bias sample."""
    from l1forge.simulation.sample import N_TRAIN

    if not (source.path.exists() and sample.exists() and source.path.samefile(sample)):
        return source
    return source.after(N_TRAIN)


def score_stages(scores: tuple[str, ...], graphs: dict[str, Path], declared: dict[str, str]) -> list[Any]:
    """What computes the menu's scores: models' own stages; other models' graphs on event columns."""
    from l1forge.emulator.path.scorers import load_scorers
    from l1forge.models.registry import models

    own = {
        name: tuple(score for score in scores if score.startswith(f"{name}."))
        for name, model in models().items()
        if model.stage is not None
    }
    staged = {score for names in own.values() for score in names}
    stages: list[Any] = list(load_scorers((s for s in scores if s not in staged), graphs, declared))
    for name, names in own.items():
        make = models()[name].stage
        if names and make is not None:
            stages.append(make(graphs[name], names))
    return stages


def used_models(menu: CompiledMenu) -> tuple[str, ...]:
    """Models that a menu's scores name."""
    return tuple(dict.fromkeys(score.partition(".")[0] for score in menu.scores))


def graph_files(given: list[str], used: list[str], bound: Mapping[str, str] | None = None) -> dict[str, Path]:
    """The graph file of every model by name: as given, else as the menu binds it, else the available one."""
    from l1forge.models import available, graph_path

    graphs = {name: graph_path(name) for name in available()}
    graphs |= {name: graph_path(file) for name, file in (bound or {}).items() if name in used}
    unknown = [
        name for name in used if name not in graphs and name not in {t.partition("=")[0] for t in given}
    ]
    if unknown:
        name = unknown[0]
        raise InputError(
            "the menu needs a model that is not available",
            field="--model",
            value=name,
            remedy=f"give --model {name}=graph.json, --scores FILE, or --without-model {name}",
        )
    for text in given:
        name, separator, file = text.partition("=")
        if not separator:
            raise InputError("name=graph.json expected", field="--model", value=text)
        if name not in used:
            raise InputError(
                "the menu does not use this model",
                field="--model",
                value=name,
                remedy="CICADA's score is read from the link words; a YAML menu binds a model:"
                " scores: {cicada: {graph: graph.json}}"
                if name.lower().startswith("cicada")
                else f"it uses {', '.join(used) or 'none'}",
            )
        graphs[name] = graph_path(file)
    return graphs
