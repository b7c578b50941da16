"""An emulator package as published becomes a graph, and is compared with its own compiled C++."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.provenance import project_provenance
from l1forge.firmware.hls.package.columns import exact, read_columns
from l1forge.firmware.hls.package.graph import Imported as Package
from l1forge.firmware.hls.package.graph import import_package
from l1forge.firmware.hls.package.reference import Reference, representable
from l1forge.firmware.hls.translate.exceeded import wrapping
from l1forge.firmware.inputs.columns import Column
from l1forge.firmware.inputs.outputs import name_outputs
from l1forge.firmware.verify import Comparison, compare_with_graph
from l1forge.studies.imported import Imported
from l1forge.testbench import stimuli
from l1forge.testbench.stimuli import sample_files

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.studies.fidelity import TrainedModel

UNBOUND = "the inputs are in the package's own units: --inputs binds them to hardware columns"


@dataclass(frozen=True)
class PackageOptions:
    """What only packages have.

    ``inputs``: a preset or a file of columns (``firmware.hls.package.columns``). ``network_only``: leave
    input scaling and score out. ``events``: event files for the comparison, in place of the committed sample.
    """

    inputs: str | None = None
    network_only: bool = False
    events: tuple[Path, ...] = ()

    def refuse(self) -> None:
        """InputError if one is set: what is read is an hls4ml project."""
        given = [("--inputs", self.inputs), ("--network-only", self.network_only), ("--events", self.events)]
        for name, value in given:
            if value:
                raise InputError(
                    "is an option for emulator packages, but this is an hls4ml project",
                    field=name,
                    remedy="bind the columns of a project with --sources",
                )


def import_emulator_package(
    path: Path,
    options: PackageOptions,
    *,
    name: str,
    sources: Sequence[str] | None = None,
    wiring: Sequence[Column] | None = None,
    names: Sequence[str] = (),
    defines: Mapping[str, str] | None = None,
    trained: TrainedModel | None = None,
    strict: bool = False,
    verify: int = 0,
    seed: int = 1,
    progress: Callable[[str], None],
    on_graph: Callable[[Graph], None],
    on_warning: Callable[[str], None],
) -> Imported:
    """Read a package: network, input scaling and score in one graph; arguments as ``imports.import_hls``.

    Parameters
    ----------
    name
        The package as the user gave it, for messages and the record.
    trained
        The trained network to compare with. It takes what the package takes: values in the units of
        ``prepare_input``, or of the network with ``options.network_only``.

    Raises
    ------
    InputError
        If something in it cannot be reproduced exactly, or its own C++ does not compile; with ``strict``
        also if values can exceed a type that wraps.
    """
    columns = read_columns(options.inputs) if options.inputs else None
    if wiring is not None:
        if columns is not None:
            raise InputError("does not go with --inputs", field="--source", remedy="give one of them")
        columns = exact(wiring)
    if columns is None and sources is not None:
        columns = [Column(source) for source in sources]
    package = import_package(path, columns, defines, options.network_only)
    notes = [*package.notes, *([] if columns else [UNBOUND])]
    graph = name_outputs(package.graph, names) if names else package.graph
    graph.meta["notes"] = notes
    reference = trained.model if trained is not None else None
    graph.meta["provenance"] = project_provenance(path, name, defines or {}, reference)
    progress("proving ranges")
    sentences, wraps = wrapping(graph)
    if strict and wraps:
        remedy = "the type is the package's own: import without --strict, or correct the package"
        raise InputError(wraps[0], file=name, field="--strict", remedy=remedy)
    fidelity = None
    if trained is not None:
        fidelity = trained.compared(graph, progress, factors=_factors(package), some=True)
        graph.meta["provenance"]["fidelity"] = fidelity.summary()
    on_graph(graph)
    for sentence in sentences:
        on_warning(sentence)
    compared: list[Comparison] = []
    if verify:
        progress("compiling the package's own C++ with g++")
        compared = check_package(package, verify, seed, options.events)
    return Imported(graph, tuple(notes), tuple(sentences), tuple(compared), fidelity)


def _factors(package: Package) -> list[NDArray[np.float64]] | None:
    """What the elements of each input are multiplied with to be in the package's own units; None: nothing."""
    if not package.columns:
        return None
    every = np.array([float(column.worth) for column in package.columns])
    ends = np.cumsum([node.size for node in package.graph.inputs])
    return np.split(every, ends[:-1])


def check_package(
    package: Package, count: int, seed: int = 1, events: Sequence[Path] = (), optimisation: str = "-O1"
) -> list[Comparison]:
    """Compare a package's graph with its own C++ on corner and random inputs, and on real crossings.

    ``count`` inputs of the first two kinds together, and as many crossings of ``events`` (if empty, of the
    committed sample) where the inputs are bound to columns.

    Raises
    ------
    InputError
        If the C++ does not compile or dies, or ``events`` are given and the inputs are not bound.
    """
    graph = package.graph
    bound = all("source" in node.attributes for node in graph.inputs)
    if events and not bound:
        raise InputError(
            "the inputs of the package are not assigned to event columns",
            field="--events",
            remedy="bind them with --inputs",
        )
    rng = np.random.default_rng(seed)
    blocks = {"corner": stimuli.corners(graph, max(count // 4, 1), rng)}
    blocks["random"] = stimuli.random_bits(graph, max(count - len(blocks["corner"]), 1), rng)
    files = list(events) or (sample_files() if bound else [])
    if files:
        blocks["real"] = np.concatenate(list(stimuli.real_events(graph, files, count)))
    found: list[Comparison] = []
    with Reference(package, optimisation) as reference:
        for kind, block in blocks.items():
            given = list(stimuli.as_inputs(graph, representable(graph, block)).values())
            outcomes = compare_with_graph(graph, given, reference(given))
            found += [replace(outcome, output=f"{outcome.output}, {kind}") for outcome in outcomes]
    return found
