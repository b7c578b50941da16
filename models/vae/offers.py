"""What the anomaly trigger offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.models.anomaly.options import Crossings, MenuFile, Pairs, ZeroBias
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path,
    report: Report,
    zero_bias: ZeroBias = None,
    menu: MenuFile = None,
    crossings: Crossings = None,
    pairs: Pairs = "slim",
    trainings: Annotated[
        int,
        typer.Option(
            min=1, max=1000, help="Networks to train, from --seed on; the lowest validation loss is kept."
        ),
    ] = 5,
    latent: Annotated[int, typer.Option(min=1, max=64, help="Latent dimensions.")] = 8,
    beta: Annotated[float, typer.Option(min=0.0, help="Weight of the KL divergence in the loss.")] = 0.5,
    kl: Annotated[
        bool, typer.Option("--kl", help="Give the graph the output kl_score, too: the whole KL divergence.")
    ] = False,
    error: Annotated[
        bool,
        typer.Option(
            "--error",
            help="Give the graph kl_score and error_score, too: the decoder's squared error + beta * KL.",
        ),
    ] = False,
    signal: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FILE, repeatable: its efficiency is told after the training and chooses nothing."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Train a few steps; this checks the code, and the result is not useful.")
    ] = False,
) -> None:
    """Train the anomaly VAE on zero bias that the cut menu rejects; fold it into tables, write its graph.

    A third of the crossings validates. Event files may have any format that `l1forge convert` reads, also the
    HDF5 of the anomaly-detection challenge of 2021 (with --pairs seven: it has no isolation and no taus).

    Examples:

    `l1forge train vae --seed 7 -o build/vae7`

    `l1forge train vae --zero-bias run3.parquet --menu L1Menu.xml --kl -o build/run3`

    `l1forge train vae --zero-bias background.h5 --signal A4l=Ato4l.h5 --pairs seven -o build/adc2021`
    """
    import l1forge.models.vae.train as training
    from l1forge.emulator.events.check_files import check_event_files
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.models.anomaly.options import known, named_files
    from l1forge.models.anomaly.pairs import PAIR_LISTS
    from l1forge.models.anomaly.samples import ZERO_BIAS
    from l1forge.models.vae.network import Schedule

    known(pairs, PAIR_LISTS, "--pairs")
    signals = named_files(signal, "--signal")
    check_event_files([*([zero_bias] if zero_bias else []), *signals.values()])
    schedule = Schedule(latent=latent, beta=beta)
    training.main(
        seed,
        output,
        zero_bias or ZERO_BIAS,
        menu or DEFAULT,
        pairs,
        crossings,
        trainings,
        training.shortened(schedule) if quick else schedule,
        kl,
        error,
        report,
        signals,
    )


def inputs() -> TrainedInputs:
    """The record of the committed sample's training part."""
    from l1forge.models.anomaly.pairs import DEFAULT_PAIRS
    from l1forge.models.anomaly.zero_bias import committed_record

    return committed_record("vae", DEFAULT_PAIRS)


MODEL = Model("vae", Training(train), written=True, inputs=inputs)
