"""Networks and trees of other programs become fixed-point graphs: what the import commands call."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l1forge.emulator.errors import InputError
from l1forge.studies.imported import Imported, ImportedTrees

if TYPE_CHECKING:
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.verify import Comparison

Say = Callable[[str], None]


def _silent(_: object) -> None:
    """Nobody listens."""


def import_model(
    model: str | Path,
    input_type: str | dict[str, str],
    *,
    input_shapes: Sequence[tuple[int, ...]] = (),
    precision: Path | dict[str, dict[str, str]] | None = None,
    default_precision: str = "fixed<16,6>",
    max_precision: str | None = None,
    weights: str | Path | None = None,
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel",
    strategy: Literal["Latency", "Resource", "Resource_Unrolled"] = "Latency",
    reuse_factor: int = 1,
    project: str | Path | None = None,
    verify: int = 0,
    seed: int = 1,
    progress: Say = _silent,
    on_graph: Callable[[Graph], None] = _silent,
    on_warning: Say = _silent,
) -> Imported:
    """Convert a trained network with hls4ml and read its fixed-point graph back from the C++.

    Parameters
    ----------
    model
        ``.onnx``, ``.pt2``, ``.pt`` / ``.pth``, ``.keras``, ``.h5``, or ``.json`` with ``weights``.
    input_type
        Type of all inputs, ``"fixed<12,4>"``, or one for each by name.
    input_shapes
        For ``.pt``: shape of one event for each input.
    precision
        Types by layer and use, ``{"layer": {"result": "fixed<16,6>"}}``, or a JSON file of them.
    default_precision, max_precision
        Type where the model gives none; widest type to infer for results and accumulators.
    io_type, strategy, reuse_factor
        hls4ml's settings of the same names.
    project
        Folder that keeps the HLS project; a temporary one if not given.
    verify, seed
        Compare so many corner and random events with the project's compiled C++; seed of the random ones.
    progress, on_graph, on_warning
        Called with each step's name, with the graph before anything that may fail, and with each warning.

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
    from l1forge.firmware.hls.converters.asked_types import check_asked
    from l1forge.firmware.hls.converters.blame import Blame
    from l1forge.firmware.hls.converters.described import described
    from l1forge.firmware.hls.converters.files import convert_file, read_precision
    from l1forge.firmware.hls.translate.exceeded import warnings as exceeding
    from l1forge.firmware.hls.translate.graph import import_project, write_project
    from l1forge.screen.quiet import quiet_stderr

    model = Path(model)
    settings = {
        "default_precision": default_precision,
        "max_precision": max_precision,
        "io_type": io_type,
        "strategy": strategy,
        "reuse_factor": reuse_factor,
    }
    with contextlib.ExitStack() as stack:
        folder = Path(project or stack.enter_context(tempfile.TemporaryDirectory(prefix="l1forge_model_")))
        blame = Blame(model, folder)
        progress("converting with hls4ml")
        with (
            blame(),
            quiet_stderr(),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # torch and hls4ml about themselves
            given = precision if isinstance(precision, dict) else read_precision(precision)
            blame.hls_model = convert_file(
                model, Path(weights) if weights else None, folder, input_shapes, input_type, given, settings
            )
            write_project(blame.hls_model)
            graph = import_project(folder)
            check_asked(blame.hls_model, graph, folder, input_type, given)
        graph.meta |= described(blame.hls_model, settings)
        on_graph(graph)
        progress("proving ranges")
        sentences = tuple(exceeding(graph))
        for sentence in sentences:
            on_warning(sentence)
        compared: tuple[Comparison, ...] = ()
        if verify:
            with blame():
                compared = compare_with_cpp(graph, folder, verify, seed, progress=progress)
    return Imported(graph, tuple(graph.meta.get("notes", ())), sentences, compared)


def import_hls(
    project: str | Path,
    *,
    sources: Sequence[str] | None = None,
    defines: Mapping[str, str] | None = None,
    verify: int = 0,
    seed: int = 1,
    progress: Say = _silent,
    on_graph: Callable[[Graph], None] = _silent,
) -> Imported:
    """Read the C++ that hls4ml wrote (parameters.h, defines.h, weights) into a graph.

    Parameters
    ----------
    project
        Folder that holds ``firmware/``, or its ``.tar.gz``.
    sources
        One event column for each input element, such as ``"mu.pt[0]"``, or ``"0"`` for none.
    defines
        Macros that the build sets, by name.
    verify, seed, progress, on_graph
        As in ``import_model``.

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
    from l1forge.firmware.hls.project.archive import unpacked
    from l1forge.firmware.hls.translate.graph import import_project

    if sources is not None:
        check_columns(sources, "sources")
    with unpacked(project) as folder:
        notes: list[str] = []
        graph = import_project(folder, sources, defines, notes.append)
        if notes:
            graph.meta["notes"] = notes
        on_graph(graph)
        compared: tuple[Comparison, ...] = ()
        if verify:
            compared = compare_with_cpp(graph, folder, verify, seed, defines, progress)
    return Imported(graph, tuple(notes), (), compared)


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
        raise InputError("is out of range", field=name, value=wrong, remedy="a loss of 0.001 is one permille")
    ensemble = convert(model)
    types = _feature_types(features, ensemble.n_features)
    if sources and len({kind.fraction for kind in types}) != 1:
        raise InputError(
            "event columns hold integers: what does one count stand for?",
            field="--feature",
            remedy="with --source give types of one LSB, such as uint<11>, or ufixed<11,10> for half units",
        )
    raw = common_type(types) if sources else None
    changed = None
    if data is not None:
        best = choose(ensemble, read_features(Path(data), ensemble.feature_names), cut, loss)
        precision, changed = best.precision, best.loss
    else:
        if not types:
            raise InputError("types are not given", field="--feature", remedy="give --feature or --data")
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
                "is no event column",
                field=option,
                value=text,
                remedy=f"{name}[0] … {name}[{slots - 1}]" if slots else "jet.et[0], mu.pt[1], … or 0",
            )


def _feature_types(texts: Sequence[str], count: int) -> tuple[FixedType, ...]:
    """One type for each feature, or one for all."""
    from l1forge.emulator.graph.fixed import FixedType

    every = [*texts] * count if len(texts) == 1 else texts
    return tuple(FixedType.parse(text, field="--feature") for text in every)
