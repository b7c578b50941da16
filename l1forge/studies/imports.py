"""Networks of other programs become fixed-point graphs: what import-model and import-hls call."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l1forge.emulator.errors import InputError
from l1forge.studies.imported import Imported

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.hls.choose.choose import Choice
    from l1forge.firmware.inputs.columns import Column
    from l1forge.firmware.verify import Comparison
    from l1forge.studies.fidelity import ChooseTypes
    from l1forge.studies.packages import PackageOptions

Say = Callable[[str], None]
STRICT = "give the layer a wider type, or one that saturates; --choose finds types from data"


def _silent(_: object) -> None:
    """Nobody listens."""


def import_model(
    model: str | Path,
    input_type: str | dict[str, str] | None = None,
    *,
    input_shapes: Sequence[tuple[int, ...]] = (),
    precision: Path | dict[str, dict[str, str]] | None = None,
    types: str | Path | None = None,
    default_precision: str | None = None,
    max_precision: str | None = None,
    weights: str | Path | None = None,
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel",
    strategy: Literal["Latency", "Resource", "Resource_Unrolled"] | None = None,
    reuse_factor: int | None = None,
    sources: Sequence[str] | None = None,
    wiring: Sequence[Column] | None = None,
    names: Sequence[str] = (),
    project: str | Path | None = None,
    data: str | Path | None = None,
    labels: str | None = None,
    background: float = 0.01,
    choose: ChooseTypes | None = None,
    strict: bool = False,
    verify: int = 0,
    seed: int = 1,
    progress: Say = _silent,
    on_choice: Callable[[Choice], None] = _silent,
    on_graph: Callable[[Graph], None] = _silent,
    on_warning: Say = _silent,
) -> Imported:
    """Convert a trained network with hls4ml and read its fixed-point graph back from the C++.

    Parameters
    ----------
    model
        ``.onnx``, ``.pt2``, ``.pt`` / ``.pth``, ``.keras``, ``.h5``, or ``.json`` with ``weights``.
    input_type
        Type of all inputs, ``"fixed<12,4>"``, or one for each by name; None: that of ``types``, or chosen.
    input_shapes
        For ``.pt``: shape of one event for each input.
    precision
        Types by layer and use, ``{"layer": {"result": "fixed<16,6>"}}``, or a JSON file of them.
    types
        hls4ml's configuration, JSON or YAML, as ``choose`` makes it; ``precision`` goes before it.
    default_precision, max_precision
        Type where the model gives none (None: that of ``types``, else fixed<16,6>); widest type to infer for
        results and accumulators.
    io_type, strategy, reuse_factor
        hls4ml's settings of the same names; None: those of ``types``, else Latency and 1.
    sources
        One event column for each input element, such as ``"mu.pt[0]"``, or ``"0"`` for none; each code is the
        integer of the input's type.
    wiring
        In place of ``sources``: columns with what their codes are worth, as ``read_columns`` reads them
        (``firmware.inputs.columns``).
    names
        Names of the outputs, or of all their elements, as menus use them (``firmware.inputs.outputs``).
    project
        Folder that keeps the HLS project; a temporary one if not given.
    data, labels, background
        Events to compare the graph with the trained network on, their labels, and the share of background at
        which efficiencies are compared: see ``read_sample``.
    choose
        Choose every type that neither the model nor the arguments give.
    strict
        Refuse types that values can exceed and that wrap.
    verify, seed
        Compare so many corner and random events with the project's compiled C++; seed of the random ones.
    progress, on_choice, on_graph, on_warning
        Called with each step's name, with the chosen types, with the graph before anything that may fail, and
        with each warning.

    Raises
    ------
    InputError
        If a part of the model cannot be converted exactly, or the C++ does not compile.

    Examples
    --------
    ``net.pt`` holds ``torch.nn.Sequential(Linear(4, 3), ReLU())``.

    >>> import l1forge
    >>> shapes = [(4,)]
    >>> found = l1forge.import_model("net.pt", "fixed<8,4>", input_shapes=shapes, project="net_hls")
    >>> [(node.shape, str(node.type)) for node in found.graph.inputs]
    [((4,), 'fixed<8,4>')]
    """
    from l1forge.firmware.hls.choose.types_file import TypesFile
    from l1forge.firmware.hls.converters.blame import Blame
    from l1forge.firmware.hls.converters.conversion import Conversion
    from l1forge.firmware.hls.converters.files import read_precision
    from l1forge.firmware.hls.converters.provenance import provenance
    from l1forge.firmware.hls.translate.exceeded import wrapping
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.studies.fidelity import TrainedModel, chosen

    model, weights = Path(model), Path(weights) if weights else None
    _check_bound(sources, wiring)
    given = precision if isinstance(precision, dict) else read_precision(precision)
    file = TypesFile.load(types) if types is not None else TypesFile({})
    settings = {
        "default_precision": default_precision or file.default or "fixed<16,6>",
        "max_precision": max_precision,
        "io_type": io_type,
        "strategy": strategy or file.model.get("Strategy", "Latency"),
        "reuse_factor": reuse_factor or file.model.get("ReuseFactor", 1),
    }
    conversion = Conversion(
        model, weights, input_shapes, settings, sources, file.options, file.biases, quiet_stderr
    )
    choice = None
    if choose is not None:
        choice = chosen(conversion, choose, input_type, file, given, seed, progress, wiring)
        on_choice(choice)
        file = choice.types
        conversion.options, conversion.biases = file.options, file.biases
    kinds, layers = file.arguments(input_type, given)
    with contextlib.ExitStack() as stack:
        folder = Path(project or stack.enter_context(tempfile.TemporaryDirectory(prefix="l1forge_model_")))
        progress("converting with hls4ml")
        graph, hls_model = conversion(folder, kinds, layers)
        asked = {"input_type": kinds, "precision": layers, **settings, "options": dict(file.options)}
        graph.meta["provenance"] = provenance([model, *([weights] if weights else [])], asked, hls_model)
        network, graph = graph, finished(graph, wiring, names)
        progress("proving ranges")
        sentences, wraps = wrapping(graph)
        if strict and wraps:
            raise InputError(wraps[0], file=model, field="--strict", remedy=STRICT)
        fidelity = None
        if data is not None:
            trained = TrainedModel(model, weights, input_shapes, data, labels, background)
            fidelity = trained.compared(network, progress, wiring=wiring)
            graph.meta["provenance"]["fidelity"] = fidelity.summary()
        on_graph(graph)
        for sentence in sentences:
            on_warning(sentence)
        compared: tuple[Comparison, ...] = ()
        if verify:
            blame = Blame(model, folder)
            blame.hls_model = hls_model
            with blame():
                compared = compare_with_cpp(network, folder, verify, seed, progress=progress)
    return Imported(graph, tuple(graph.meta.get("notes", ())), tuple(sentences), compared, fidelity, choice)


def import_hls(
    project: str | Path,
    *,
    sources: Sequence[str] | None = None,
    wiring: Sequence[Column] | None = None,
    names: Sequence[str] = (),
    defines: Mapping[str, str] | None = None,
    package: PackageOptions | None = None,
    reference: str | Path | None = None,
    weights: str | Path | None = None,
    input_shapes: Sequence[tuple[int, ...]] = (),
    data: str | Path | None = None,
    labels: str | None = None,
    background: float = 0.01,
    strict: bool = False,
    verify: int = 0,
    seed: int = 1,
    progress: Say = _silent,
    on_graph: Callable[[Graph], None] = _silent,
    on_warning: Say = _silent,
) -> Imported:
    """Read the C++ that hls4ml wrote, or an emulator package, into a graph.

    Parameters
    ----------
    project
        Folder that holds ``firmware/``, or its ``.tar.gz``; or a package as experiments publish it.
    package
        What is asked of a package (``studies.packages``).
    sources, wiring, names
        As in ``import_model``.
    defines
        Macros that the build sets, by name.
    reference, weights, input_shapes
        The trained model that the project was made of, as ``import_model`` takes it.
    data, labels, background, strict, verify, seed, progress, on_graph, on_warning
        As in ``import_model``; ``data`` needs ``reference``.

    Raises
    ------
    InputError
        If a layer cannot be reproduced exactly, or the C++ does not compile.

    Examples
    --------
    ``net_hls`` is the project that the example of ``import_model`` keeps.

    >>> import l1forge
    >>> found = l1forge.import_hls("net_hls")
    >>> [str(node.type) for node in found.graph.inputs]
    ['fixed<8,4>']
    """
    from l1forge.firmware.hls.converters.provenance import project_provenance
    from l1forge.firmware.hls.package.files import is_package
    from l1forge.firmware.hls.project.archive import unpacked
    from l1forge.firmware.hls.translate.exceeded import wrapping
    from l1forge.firmware.hls.translate.graph import import_project
    from l1forge.studies.fidelity import TrainedModel, check_reference
    from l1forge.studies.packages import PackageOptions, import_emulator_package

    check_reference(reference, data)
    _check_bound(sources, wiring)
    options = package or PackageOptions()
    trained = None
    if reference is not None and data is not None:
        files = Path(reference), Path(weights) if weights else None
        trained = TrainedModel(*files, input_shapes, data, labels, background)
    with unpacked(project) as folder:
        if is_package(folder):
            return import_emulator_package(
                folder,
                options,
                name=Path(project).name,
                sources=sources,
                wiring=wiring,
                names=names,
                defines=defines,
                trained=trained,
                strict=strict,
                verify=verify,
                seed=seed,
                progress=progress,
                on_graph=on_graph,
                on_warning=on_warning,
            )
        options.refuse()
        notes: list[str] = []
        graph = import_project(folder, sources, defines, notes.append)
        if notes:
            graph.meta["notes"] = notes
        graph.meta["provenance"] = project_provenance(folder, Path(project).name, defines or {}, reference)
        network, graph = graph, finished(graph, wiring, names)
        progress("proving ranges")
        sentences, wraps = wrapping(graph)
        if strict and wraps:
            raise InputError(wraps[0], file=project, field="--strict", remedy=STRICT)
        fidelity = None
        if trained is not None:
            fidelity = trained.compared(network, progress, wiring=wiring)
            graph.meta["provenance"]["fidelity"] = fidelity.summary()
        on_graph(graph)
        for sentence in sentences:
            on_warning(sentence)
        compared: tuple[Comparison, ...] = ()
        if verify:
            compared = compare_with_cpp(network, folder, verify, seed, defines, progress)
    return Imported(graph, tuple(graph.meta.get("notes", ())), tuple(sentences), compared, fidelity)


def _check_bound(sources: Sequence[str] | None, wiring: Sequence[Column] | None) -> None:
    """Columns with or without what they are worth, not both."""
    if sources is not None:
        check_columns(sources, "sources")
        if wiring is not None:
            raise InputError("does not go with --sources", field="--source", remedy="give one of them")


def finished(graph: Graph, wiring: Sequence[Column] | None, names: Sequence[str]) -> Graph:
    """The graph from event columns to named outputs; the same one where neither is asked for."""
    from l1forge.firmware.inputs.binding import bind
    from l1forge.firmware.inputs.outputs import name_outputs

    if wiring is not None:
        graph, told = bind(graph, wiring)
        if told:
            graph.meta["notes"] = [*graph.meta.get("notes", ()), *told]
    return name_outputs(graph, names) if names else graph


def compare_with_cpp(
    graph: Graph,
    project: Path,
    count: int,
    seed: int = 1,
    defines: Mapping[str, str] | None = None,
    progress: Say = _silent,
) -> tuple[Comparison, ...]:
    """Compare ``graph`` with the compiled C++ of ``project`` on ``count`` corner and random events.

    Raises
    ------
    InputError
        If the project does not compile.
    """
    import numpy as np

    from l1forge.firmware.hls.fuzz.campaign import stimuli
    from l1forge.firmware.hls.project.compiled import CompiledProject
    from l1forge.firmware.hls.project.parse import read_source
    from l1forge.firmware.verify import compare_with_graph

    rng = np.random.default_rng(seed)
    inputs = [stimuli(rng, node.type, prod(node.shape), count) for node in graph.inputs]
    source = read_source(project, defines)
    sizes: dict[str, int] = dict(zip(source.inputs, (node.size for node in graph.inputs), strict=True))
    sizes |= dict(zip(source.outputs, (graph[name].size for name in graph.outputs), strict=True))
    progress("compiling with g++")
    compiled: Any = CompiledProject(project, sizes=sizes, defines=defines)
    return tuple(compare_with_graph(graph, inputs, compiled(inputs)))


def check_columns(columns: Sequence[str], option: str) -> None:
    """InputError unless each entry is a slot of an event column, such as mu.pt[0], or 0 for none."""
    from l1forge.firmware.inputs.columns import check_source

    for text in columns:
        check_source(text, option)
