"""A model for the offline software: written as C++, compiled, loaded, compared with the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.cmssw import CmsswProject
    from l1forge.testbench.cmssw import CmsswVerification
    from l1forge.testbench.stimuli import Block

DEFAULT = 20_000
"""Crossings to compare: half of them real, a tenth corners, the rest random bits."""
VECTORS = 200
"""Test vectors in the folder, of the same kinds."""


def export_cmssw(
    model: str | Path,
    folder: str | Path,
    *,
    version: str = "v1",
    name: str | None = None,
    score: str | None = None,
    vectors: int = VECTORS,
    events: Sequence[str | Path] = (),
    seed: int = 1,
) -> CmsswProject:
    """Write a model as an emulator package of the offline software (docs/cmssw.md).

    Parameters
    ----------
    model
        Name of a model, or a graph file.
    folder
        Folder to write.
    version, name
        Part of all names; ``name`` None: that of the graph.
    score
        Output of the graph; may be left out if there is one.
    vectors, events, seed
        Number of test vectors; event files of the real ones (default: the zero-bias sample); seed of the
        others.

    Raises
    ------
    InputError
        If a name is no identifier, the output cannot be had, or the graph has no integer C++.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.cmssw import write_cmssw
    from l1forge.firmware.cmssw.project import check_names, chosen
    from l1forge.models import graph_path
    from l1forge.testbench.cosim import emulator_of

    graph = Graph.load(graph_path(str(model)))
    check_names(graph.name if name is None else name, version)
    part = chosen(graph, score)
    emulate = emulator_of(part)
    drawn = {kind: (rows, emulate(rows)) for kind, rows in _rows(part, vectors, events, seed).items()}
    return write_cmssw(part, folder, version, name=name, vectors=drawn)


def check_cmssw(
    project: CmsswProject,
    model: str | Path,
    n: int = DEFAULT,
    *,
    events: Sequence[str | Path] = (),
    seed: int = 1,
) -> CmsswVerification:
    """Compile and load an exported package, and compare it with the emulator, crossing by crossing.

    Parameters
    ----------
    model
        The model, or its graph: the export must be made of it.
    n, events, seed
        Crossings; event files for the real half (default: the zero-bias sample); seed of the other ones.

    Raises
    ------
    InputError
        If g++ is missing or fails, the package ends the process, or an event file cannot be used.
    """
    import numpy as np

    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.cmssw.project import chosen
    from l1forge.models import graph_path
    from l1forge.testbench.cmssw import verify_cmssw

    graph = Graph.load(graph_path(str(model)))
    part = chosen(graph, project.outputs[0])
    return verify_cmssw(project, graph, np.concatenate([*_rows(part, n, events, seed).values()]))


def _rows(graph: Graph, n: int, events: Sequence[str | Path], seed: int) -> dict[str, Block]:
    """Kind to rows (some, inputs); without event columns there are no real ones."""
    import numpy as np

    from l1forge.studies.defaults import default_zero_bias
    from l1forge.testbench.stimuli import Plan

    if n < 1:
        raise InputError("nothing to compare", field="-n", value=n, remedy="give a positive number")
    sourced = all("source" in node.attributes for node in graph.inputs)
    if events and not sourced:
        raise InputError(
            "the inputs are not event columns: events cannot be used", file=graph.file, field="--events"
        )
    files = [Path(file) for file in events] or ([default_zero_bias()] if sourced else [])
    found = {kind: list(blocks) for kind, blocks in Plan(n).stimuli(graph, files, seed).items()}
    return {kind: np.concatenate(blocks) for kind, blocks in found.items() if blocks}
