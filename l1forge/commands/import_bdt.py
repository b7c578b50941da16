"""`l1forge import-bdt MODEL`: a trained ensemble file to a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Source = Annotated[
    list[str] | None,
    typer.Option("--source", "-s", help="Event column of each feature in order, e.g. jet.et[0]."),
]
Score = Annotated[str, typer.Option(help="Fixed-point type of the leaves and the start values.")]
Threshold = Annotated[
    str | None, typer.Option(help="Fixed-point type of the thresholds; default: the LSB of each feature.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="Parquet file with one column per feature, from which the narrowest types are chosen."),
]
Cut = Annotated[
    float, typer.Option(help="With --data: threshold on the raw score, which defines the decisions.")
]
Loss = Annotated[float, typer.Option(help="With --data: largest fraction of decisions that may change.")]


@app.command()
def import_bdt(
    model: Model,
    output: Output,
    features: Features = None,
    source: Source = None,
    score: Score = "fixed<16,6>",
    threshold: Threshold = None,
    data: Data = None,
    cut: Cut = 0.0,
    loss: Loss = 0.001,
) -> None:
    """Convert a BDT trained elsewhere into a graph for the emulator, the Verilog and conifer.

    Examples:

    `l1forge import-bdt jets.weights.xml -f 'fixed<22,13>' --score 'fixed<18,6>' -o jets.json`

    `l1forge import-bdt two.ubj -f 'uint<11>' -s 'jet.et[0]' -s 'jet.et[1]' -o two.graph.json`

    `l1forge import-bdt model.json --data train.parquet --cut 1.5 --loss 0.002 -o model.graph.json`
    """
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.imports import import_bdt as study

    console = Console()
    check_outputs(output, inputs=[model])
    imported = study(
        model,
        features=features or [],
        sources=source,
        score=score,
        threshold=threshold,
        data=data,
        cut=cut,
        loss=loss,
    )
    graph = imported.graph
    graph.save(output)
    if imported.loss is not None:
        console.print(f"{100 * imported.loss:.3f} % of decisions changed by the chosen types")
    console.print(
        f"{output}: {imported.trees} trees of depth {imported.depth} ({imported.library}),"
        f" input {graph.inputs[0].type}, score {graph['score'].type}"
    )
