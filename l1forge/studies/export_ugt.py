"""A model for the global trigger: written as VHDL, simulated by GHDL, compared with the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.ugt import UgtProject
    from l1forge.testbench.ugt import UgtVerification

DEFAULT = 2_000
"""Crossings to compare: half of them real, half random bits."""


def export_ugt(
    model: str | Path,
    folder: str | Path,
    *,
    version: str = "v1",
    score: str | None = None,
    threshold: int = 0,
    menu: str | Path | None = None,
    latency: int = 2,
) -> UgtProject:
    """Write a model as VHDL-2008 in the global trigger's shape (docs/ugt.md).

    Parameters
    ----------
    model
        Name of a model, or a graph file.
    folder
        Folder to write.
    version, score, threshold, latency
        As ``firmware.ugt.write_ugt``.
    menu
        Menu whose lowest threshold on the score is the default of the wrapper's generic, not ``threshold``.

    Raises
    ------
    InputError
        As ``write_ugt``; if the menu has no seed with a lower limit on the score.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.ugt import write_ugt
    from l1forge.models import graph_path

    graph = Graph.load(graph_path(str(model)))
    if menu is not None:
        threshold = threshold_of(Path(menu), graph, score)
    return write_ugt(graph, folder, version, score=score, threshold=threshold, latency=latency)


def threshold_of(menu: Path, graph: Graph, score: str | None) -> int:
    """The lowest raw threshold of a menu on a graph's score."""
    from l1forge.emulator.menu.compiled import Score
    from l1forge.emulator.menu.language.load import load_menu

    output = score or graph.outputs[0]
    names = {f"{graph.name}.{output}", *([graph.name] if output == graph.outputs[0] else [])}
    limits = [
        condition.lower
        for condition in load_menu(menu).conditions.values()
        if isinstance(condition, Score) and condition.score in names and condition.lower is not None
    ]
    if not limits:
        raise InputError(
            "has no seed with a lower limit on this score",
            file=menu,
            field="--menu",
            value=f"{graph.name}.{output}",
            remedy="give --threshold, or add the seed: l1forge menu add",
        )
    return min(limits)


def check_ugt(
    project: UgtProject,
    model: str | Path,
    n: int = DEFAULT,
    *,
    events: Sequence[str | Path] = (),
    seed: int = 1,
) -> UgtVerification:
    """Simulate an exported model and compare score and decision with the emulator, crossing by crossing.

    Parameters
    ----------
    model
        The model, or its graph: the export must be made of it.
    n, events, seed
        Crossings; event files for the real half (default: the zero-bias sample); seed of the random ones.

    Raises
    ------
    InputError
        If GHDL is missing or refuses a file, or an event file cannot be used.
    """
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.testbench.ugt import random_events, verify_ugt

    if n < 1:
        raise InputError("nothing to compare", field="-n", value=n, remedy="give a positive number")
    graph = Graph.load(graph_path(str(model)))
    real = _real(list(events), n // 2) if n > 1 else None
    drawn = random_events(n - (real.n if real else 0), seed)
    return verify_ugt(project, graph, Events.concatenate([real, drawn]) if real else drawn)


def _real(files: list[str | Path], n: int) -> Events:
    """The first ``n`` crossings of the files, all object columns; absent ones are 0."""
    from l1forge.emulator.events.objects import COLUMNS, Events
    from l1forge.emulator.events.source import open_events
    from l1forge.studies.defaults import default_zero_bias

    parts, left = [], n
    for file in files or [default_zero_bias()]:
        source = open_events(file)
        for block in source.blocks([name for name in COLUMNS if name in source.columns]):
            part = block.rows(0, min(block.n, left))
            parts.append(Events.of_rows({name: part.column(name) for name in COLUMNS}, part.n))
            left -= part.n
            if left <= 0:
                return Events.concatenate(parts)
    return Events.concatenate(parts)
