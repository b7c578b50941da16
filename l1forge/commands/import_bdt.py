"""`l1forge import-bdt MODEL`: a trained ensemble file to a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.emulator.graph.fixed import FixedType

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def import_bdt(
    model: Annotated[
        Path, typer.Argument(help="TMVA .weights.xml, XGBoost .json/.ubj, LightGBM .txt or dump_model .json.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")],
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            "-f",
            help="Type of every feature, once for all or one each; with --source also what a count is.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", "-s", help="Event column of each feature in order, e.g. jet.et[0]."),
    ] = None,
    score: Annotated[str, typer.Option(help="Type of leaves and start values.")] = "fixed<16,6>",
    threshold: Annotated[
        str | None, typer.Option(help="Type of thresholds; default: the features' own grid.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Parquet with one column per feature: choose the narrowest types from it."),
    ] = None,
    cut: Annotated[
        float, typer.Option(help="With --data: cut on the raw score whose decisions count.")
    ] = 0.0,
    loss: Annotated[float, typer.Option(help="With --data: share of decisions that may change.")] = 0.001,
) -> None:
    """Read a BDT of another program and write the graph that emulator, Verilog and conifer share.

    Examples:

    `l1forge import-bdt jets.weights.xml -f 'fixed<22,13>' --score 'fixed<18,6>' -o jets.json`

    `l1forge import-bdt two.ubj -f 'uint<11>' -s 'jet.et[0]' -s 'jet.et[1]' -o two.graph.json`

    `l1forge import-bdt model.json --data train.parquet --cut 1.5 --loss 0.002 -o model.graph.json`
    """
    import math

    from l1forge.emulator.errors import InputError
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.firmware.bdt.choose import choose
    from l1forge.firmware.bdt.converters import convert
    from l1forge.firmware.bdt.to_graph import Precision, common_type, to_graph
    from l1forge.screen.imported import check_columns
    from l1forge.screen.outputs import check_outputs

    check_outputs(output, inputs=[model])
    check_columns(source or [], "--source")
    if not 0 <= loss < 1 or not math.isfinite(cut):
        name, wrong = ("--cut", cut) if 0 <= loss < 1 else ("--loss", loss)
        raise InputError("is out of range", field=name, value=wrong, remedy="a loss of 0.001 is one permille")
    ensemble = convert(model)
    types = _types(features or [], ensemble.n_features)
    if source and len({kind.fraction for kind in types}) != 1:
        raise InputError(
            "event columns hold integers: what does one count stand for?",
            field="--feature",
            remedy="with --source give types of one LSB, such as uint<11>, or ufixed<11,10> for half units",
        )
    raw = common_type(types) if source else None
    if data is not None:
        best = choose(ensemble, _columns(data, ensemble.feature_names), cut, loss)
        precision = best.precision
        Console().print(f"{100 * best.loss:.3f} % of decisions changed by the chosen types")
    else:
        if not types:
            raise InputError("types are not given", field="--feature", remedy="give --feature or --data")
        limit = FixedType.parse(threshold, field="--threshold") if threshold else None
        precision = Precision(types, FixedType.parse(score, field="--score"), limit)
    if source and len(source) != ensemble.n_features:
        raise InputError(
            f"expected one event column for each of {ensemble.n_features} features",
            field="--source",
            value=len(source),
            remedy=f"in this order: {', '.join(ensemble.feature_names)}",
        )
    graph = to_graph(ensemble, precision, model.name.split(".")[0], raw=raw, source=source or None)
    graph.save(output)
    Console().print(
        f"{output}: {len(ensemble.trees)} trees of depth {ensemble.depth} ({ensemble.library}),"
        f" input {graph.inputs[0].type}, score {graph['score'].type}"
    )


def _types(texts: list[str], count: int) -> tuple[FixedType, ...]:
    """One type for each feature, or one for all."""
    from l1forge.emulator.graph.fixed import FixedType

    every = texts * count if len(texts) == 1 else texts
    return tuple(FixedType.parse(text, field="--feature") for text in every)


def _columns(path: Path, names: tuple[str, ...]) -> object:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from l1forge.emulator.errors import InputError

    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read: {error}", file=path, remedy="give a parquet file") from error
    if not table.num_rows:
        raise InputError("has no rows", file=path, remedy="give the events that the types are to fit")
    for name in names:
        if name not in table.column_names:
            raise InputError("column is missing", file=path, field=name, remedy="one column per feature")
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InputError("is neither integer nor float", file=path, field=name, value=str(kind))
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)
