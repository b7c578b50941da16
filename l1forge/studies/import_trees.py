"""Decision trees of other programs become fixed-point graphs: what import-bdt calls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError
from l1forge.studies.imported import ImportedTrees
from l1forge.studies.imports import check_columns, finished

if TYPE_CHECKING:
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.firmware.bdt.ensemble import Ensemble
    from l1forge.firmware.inputs.columns import Column
    from l1forge.studies.working_point import WorkingPoint


def import_bdt(
    model: str | Path,
    *,
    features: Sequence[str] = (),
    sources: Sequence[str] | None = None,
    wiring: Sequence[Column] | None = None,
    names: Sequence[str] = (),
    score: str = "fixed<16,6>",
    threshold: str | None = None,
    data: str | Path | None = None,
    cut: float = 0.0,
    loss: float = 0.001,
    rate: WorkingPoint | None = None,
    seed: int = 1,
) -> ImportedTrees:
    """Read a BDT of another program: the graph that emulator, Verilog and conifer share.

    Parameters
    ----------
    model
        TMVA ``.weights.xml``, XGBoost ``.json`` / ``.ubj``, LightGBM ``.txt`` or dump_model ``.json``.
    features
        Type of every feature, one for all or one each; with ``sources`` also what one count stands for.
    sources
        Event column of each feature in order, such as ``"jet.et[0]"``; what a count is worth is the LSB of
        ``features``.
    wiring
        In place of ``sources``: columns with what their codes are worth, as ``read_columns`` reads them
        (``firmware.inputs.columns``).
    names
        Names of the outputs, or of each score (``firmware.inputs.outputs``).
    score, threshold
        Type of leaves and start values; type of thresholds (if not given: the features' own grid).
    data, cut, loss
        Parquet file with one column per feature: the narrowest types that change at most the share ``loss``
        of the decisions ``raw score > cut``.
    rate, seed
        The narrowest types that keep what passes at this rate on event files, in place of ``data``; chosen
        with one half of the events, drawn with ``seed``, and reported on the other.

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
    from l1forge.studies.tree_types import types_at_rate

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
    if data is not None and rate is not None:
        raise InputError("does not go with --data", field="--rate", remedy="give one of them")
    ensemble = convert(model)
    types = _feature_types(features, ensemble.n_features)
    if sources and len({kind.fraction for kind in types}) != 1:
        raise InputError(
            "event columns hold integers, and the physical value of one count is not known",
            field="--feature",
            remedy="give types with one LSB for all, such as uint<11>, or a factor: --source 'jet.et[0]*0.5'",
        )
    columns = _columns(ensemble, sources, wiring, types)
    changed, at_rate = None, None
    if rate is not None:
        at_rate = types_at_rate(ensemble, columns, rate, seed)
        precision, changed = at_rate.precision, at_rate.held_out
    elif data is not None:
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
    plain = list(sources) if sources else None
    raw = common_type(types) if sources else None
    graph = to_graph(ensemble, precision, model.name.split(".")[0], raw=raw, source=plain)
    graph = finished(graph, wiring, names)
    return ImportedTrees(
        graph,
        tuple(graph.meta.get("notes", ())),
        trees=len(ensemble.trees),
        depth=ensemble.depth,
        library=ensemble.library,
        loss=changed,
        at_rate=at_rate,
    )


def _columns(
    ensemble: Ensemble,
    sources: Sequence[str] | None,
    wiring: Sequence[Column] | None,
    types: Sequence[FixedType],
) -> list[Column]:
    """The columns of the features with what they are worth; none where none are given."""
    from l1forge.firmware.inputs.columns import Column

    if sources and wiring:
        raise InputError("does not go with sources", field="wiring", remedy="give one of them")
    columns = list(wiring or ())
    if sources:
        worth = Fraction(types[0].lsb)
        columns = [Column(source, worth) for source in sources]
    if columns and len(columns) != ensemble.n_features:
        raise InputError(
            f"expected one event column for each of {ensemble.n_features} features",
            field="--source",
            value=len(columns),
            remedy=f"in this order: {', '.join(ensemble.feature_names)}",
        )
    return columns


def _feature_types(texts: Sequence[str], count: int) -> tuple[FixedType, ...]:
    """One type for each feature, or one for all."""
    from l1forge.emulator.graph.fixed import FixedType

    every = [*texts] * count if len(texts) == 1 else texts
    return tuple(FixedType.parse(text, field="--feature") for text in every)
