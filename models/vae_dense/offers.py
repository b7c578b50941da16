"""What the dense VAE, trained with QKeras, offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path,
    report: Report,
    sample: Annotated[
        Path | None, typer.Option(help="Folder of event files; default: the committed sample.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            help="Train one epoch on few events; this checks the code, and the result is not useful."
        ),
    ] = False,
) -> None:
    """Train a dense VAE (57-32-16-3, QKeras) on zero bias: float, quantised, pruned; plots and graph.

    Example: `l1forge train vae_dense --seed 7 -o build/vae7`
    """
    import l1forge.models.vae_dense.train as training
    from l1forge.models.vae_dense.hls import export_graph
    from l1forge.simulation import SAMPLE

    options = training.Options()
    training.main(seed, output, sample or SAMPLE, options.shortened() if quick else options, report)
    export_graph(output / "weights.npz", output / "graph.json")


def hls_model(folder: Path) -> Any:
    """hls4ml's model of the encoder with both scores."""
    from l1forge.models.vae_dense.hls import hls_model

    return hls_model(folder)


def inputs() -> TrainedInputs:
    """The record of the committed sample's training part."""
    from l1forge.models.vae_dense.train import load, trained_inputs, training_part
    from l1forge.simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SAMPLE / "zerobias.parquet")))


MODEL = Model("vae_dense", Training(train, talks=True), hls=hls_model, inputs=inputs)
