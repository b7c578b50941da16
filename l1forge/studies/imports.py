"""Networks and trees of other programs become fixed-point graphs: what the import commands call."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l1forge.emulator.errors import InputError
from l1forge.studies.imported import Imported, ImportedTrees

if TYPE_CHECKING:
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.hls.choose.choose import Choice
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
        One event column for each input element, such as ``"mu.pt[0]"``, or ``"0"`` for none.
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
    if sources is not None:
        check_columns(sources, "sources")
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
        choice = chosen(conversion, choose, input_type, file, given, seed, progress)
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
        progress("proving ranges")
        sentences, wraps = wrapping(graph)
        if strict and wraps:
            raise InputError(wraps[0], file=model, field="--strict", remedy=STRICT)
        fidelity = None
        if data is not None:
            trained = TrainedModel(model, weights, input_shapes, data, labels, background)
            fidelity = trained.compared(graph, progress)
            graph.meta["provenance"]["fidelity"] = fidelity.summary()
        on_graph(graph)
        for sentence in sentences:
            on_warning(sentence)
        compared: tuple[Comparison, ...] = ()
        if verify:
            blame = Blame(model, folder)
            blame.hls_model = hls_model
            with blame():
                compared = compare_with_cpp(graph, folder, verify, seed, progress=progress)
    return Imported(graph, tuple(graph.meta.get("notes", ())), tuple(sentences), compared, fidelity, choice)


def import_hls(
    project: str | Path,
    *,
    sources: Sequence[str] | None = None,
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
    sources
        One event column for each input element, such as ``"mu.pt[0]"``, or ``"0"`` for none.
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
    if sources is not None:
        check_columns(sources, "sources")
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
        progress("proving ranges")
        sentences, wraps = wrapping(graph)
        if strict and wraps:
            raise InputError(wraps[0], file=project, field="--strict", remedy=STRICT)
        fidelity = None
        if trained is not None:
            fidelity = trained.compared(graph, progress)
            graph.meta["provenance"]["fidelity"] = fidelity.summary()
        on_graph(graph)
        for sentence in sentences:
            on_warning(sentence)
        compared: tuple[Comparison, ...] = ()
        if verify:
            compared = compare_with_cpp(graph, folder, verify, seed, defines, progress)
    return Imported(graph, tuple(notes), tuple(sentences), compared, fidelity)


def import_bdt(
    model: str | Path,
    *,
    features: Sequence[str] = (),
    sources: Sequence[str] | None = None,
    score: str = "fixed<16,6>",
    threshold: str | None = None,
    data: str | Path | None = None,
    cut: float = 0.0,
    loss: float = 0.001,
) -> ImportedTrees:
    """Read a BDT of another program: the graph that emulator, Verilog and conifer share.

    Parameters
    ----------
    model
        TMVA ``.weights.xml``, XGBoost ``.json`` / ``.ubj``, LightGBM ``.txt`` or dump_model ``.json``.
    features
        Type of every feature, one for all or one each; with ``sources`` also what one count stands for.
    sources
        Event column of each feature in order, such as ``"jet.et[0]"``.
    score, threshold
        Type of leaves and start values; type of thresholds (if not given: the features' own grid).
    data, cut, loss
        Parquet file with one column per feature: the narrowest types that change at most the share ``loss``
        of the decisions ``raw score > cut``.

    Raises
    ------
    InputError
        If the file cannot be read exactly, or types and columns do not fit its features.

    Examples
    --------
    >>> import l1forge
    >>> from l1forge.models import FOLDER
    >>> weights = FOLDER / "event_bdt" / "model.weights.xml"
    >>> found = l1forge.import_bdt(weights, features=["fixed<22,13>"], score="fixed<18,6>")
    >>> found.trees, found.depth, found.graph.outputs
    (60, 4, ['score'])
    """
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.firmware.bdt.choose import choose
    from l1forge.firmware.bdt.converters import convert
    from l1forge.firmware.bdt.feature_table import read_features
    from l1forge.firmware.bdt.to_graph import Precision, common_type, to_graph

    model = Path(model)
    check_columns(sources or [], "--source")
    if not 0 <= loss < 1 or not isfinite(cut):
        name, wrong = ("--cut", cut) if 0 <= loss < 1 else ("--loss", loss)
        raise InputError(
            "is out of range",
            field=name,
            value=wrong,
            remedy="give a finite cut and a loss from 0 to below 1, such as 0.001",
        )
    ensemble = convert(model)
    types = _feature_types(features, ensemble.n_features)
    if sources and len({kind.fraction for kind in types}) != 1:
        raise InputError(
            "event columns hold integers, and the physical value of one count is not known",
            field="--feature",
            remedy="give types with one LSB for all, such as uint<11>, or ufixed<11,10> for half units",
        )
    raw = common_type(types) if sources else None
    changed = None
    if data is not None:
        best = choose(ensemble, read_features(Path(data), ensemble.feature_names), cut, loss)
        precision, changed = best.precision, best.loss
    else:
        if not types:
            raise InputError(
                "the types of the features are not given",
                field="--feature",
                remedy="give --feature or --data",
            )
        limit = FixedType.parse(threshold, field="--threshold") if threshold else None
        precision = Precision(types, FixedType.parse(score, field="--score"), limit)
    if sources and len(sources) != ensemble.n_features:
        raise InputError(
            f"expected one event column for each of {ensemble.n_features} features",
            field="--source",
            value=len(sources),
            remedy=f"in this order: {', '.join(ensemble.feature_names)}",
        )
    columns = list(sources) if sources else None
    graph = to_graph(ensemble, precision, model.name.split(".")[0], raw=raw, source=columns)
    return ImportedTrees(
        graph, trees=len(ensemble.trees), depth=ensemble.depth, library=ensemble.library, loss=changed
    )


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
    from l1forge.emulator.events.objects import COLUMNS

    for text in columns:
        name, _, slot = text.removesuffix("]").partition("[")
        slots = COLUMNS[name][0] if name in COLUMNS else 0
        if text != "0" and not (slot.isdecimal() and int(slot) < slots and text == f"{name}[{int(slot)}]"):
            raise InputError(
                "is not an event column",
                field=option,
                value=text,
                remedy=f"{name}[0] … {name}[{slots - 1}]" if slots else "jet.et[0], mu.pt[1], … or 0",
            )


def _feature_types(texts: Sequence[str], count: int) -> tuple[FixedType, ...]:
    """One type for each feature, or one for all."""
    from l1forge.emulator.graph.fixed import FixedType

    every = [*texts] * count if len(texts) == 1 else texts
    return tuple(FixedType.parse(text, field="--feature") for text in every)
