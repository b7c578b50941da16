"""`l1forge import-bdt MODEL`: a trained ensemble file to a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.commands.column_options import (
    Names,
    Offset,
    Shift,
    Source,
    UnitsOption,
    names_of,
    wiring_of,
)
from l1forge.commands.rate_options import Rate, Signal, ZeroBias, point_of
from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


Model = Annotated[
    Path, typer.Argument(help="TMVA .weights.xml, XGBoost .json/.ubj, LightGBM .txt or dump_model .json.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        "-f",
        help="Type of the features: once for all, or one for each in order. With --source it also sets the"
        " physical value of one count.",
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        help="Fixed-point type of the leaves and the start values.",
        show_default="fixed<16,6>; with --data or --rate chosen",
    ),
]
Threshold = Annotated[
    str | None, typer.Option(help="Fixed-point type of the thresholds; default: the LSB of each feature.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="Parquet file with one column per feature, from which the narrowest types are chosen."),
]
Cut = Annotated[
    float | None,
    typer.Option(
        help="With --data: threshold on the raw score, which defines the decisions.", show_default="0"
    ),
]
Loss = Annotated[
    float | None,
    typer.Option(
        help="With --data: largest fraction of decisions that may change; with --rate: largest fraction of"
        " accepted events that may be lost.",
        show_default="0.001; with --rate 0.05",
    ),
]
Seed = Annotated[int, typer.Option(help="With --rate: seed of the halves of the events.", min=0)]


@app.command()
def import_bdt(
    model: Model,
    output: Output,
    features: Features = None,
    source: Source = None,
    units: UnitsOption = None,
    offset: Offset = None,
    shift: Shift = None,
    names: Names = None,
    score: Score = None,
    threshold: Threshold = None,
    data: Data = None,
    cut: Cut = None,
    loss: Loss = None,
    rate: Rate = None,
    zero_bias: ZeroBias = None,
    signal: Signal = None,
    seed: Seed = 1,
) -> None:
    """Convert a BDT trained elsewhere into a graph for the emulator, the Verilog and conifer.

    Examples:

    `l1forge import-bdt jets.weights.xml -f 'fixed<22,13>' --score 'fixed<18,6>' -o jets.json`

    `l1forge import-bdt two.ubj -f 'uint<11>' -s 'jet.et[0]' -s 'jet.et[1]' -o two.graph.json`

    `l1forge import-bdt model.json --data train.parquet --cut 1.5 --loss 0.002 -o model.graph.json`

    `l1forge import-bdt two.ubj -s 'jet.et[0]*0.5,etm.et[0]*0.5' --rate 5 --zero-bias zb.parquet -o g.json`
    """
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.import_trees import import_bdt as study

    console = Console()
    check_outputs(output, inputs=[model])
    wiring = wiring_of(source, units, offset, shift)
    point = point_of(rate, zero_bias, signal, loss)
    plain = wiring is not None and all(column.plain for column in wiring)
    if point is not None:
        chosen: dict[str, object] = {"--score": score, "--threshold": threshold, "--cut": cut}
        _refuse(chosen if plain else chosen | {"--feature": features})
    with console.status("reading, and choosing types if asked"):
        imported = study(
            model,
            features=features or [],
            sources=[column.source for column in wiring or ()] if plain else None,
            wiring=None if plain else wiring,
            names=names_of(names),
            score=score or "fixed<16,6>",
            threshold=threshold,
            data=data,
            cut=cut or 0.0,
            loss=0.001 if loss is None or point is not None else loss,
            rate=point,
            seed=seed,
        )
    graph = imported.graph
    graph.save(output)
    if imported.at_rate is not None:
        console.print("\n".join(imported.at_rate.lines()))
    elif imported.loss is not None:
        console.print(f"{100 * imported.loss:.3f} % of decisions changed by the chosen types")
    for note in imported.notes:
        console.print(f"note: {note}")
    console.print(
        f"{output}: {imported.trees} trees of depth {imported.depth} ({imported.library}),"
        f" input {graph.inputs[0].type}, score {graph[graph.outputs[0]].type}"
    )


def _refuse(options: dict[str, object]) -> None:
    """InputError for what --rate chooses itself."""
    from l1forge.emulator.errors import InputError

    for name, value in options.items():
        if value is not None:
            remedy = "leave one out: --rate chooses types and threshold"
            raise InputError("does not go with --rate", field=name, value=str(value), remedy=remedy)
