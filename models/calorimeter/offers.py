"""What the anomaly trigger on calorimeter images offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.anomaly.options import MenuFile
from l1forge.models.registry import Model, Report, Samples, Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path,
    report: Report,
    images: Annotated[
        Path | None,
        typer.Option(help="Image file with zero bias; default: the committed training images."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="Event file of the same crossings; default: the one that the image file names."),
    ] = None,
    menu: MenuFile = None,
    trainings: Annotated[
        int,
        typer.Option(
            min=1,
            max=100,
            help="Pairs of networks to train, from --seed on; the lowest validation loss is kept.",
        ),
    ] = 5,
    quick: Annotated[
        bool,
        typer.Option(help="Train briefly on few images; this checks the code, and the result is not useful."),
    ] = False,
) -> None:
    """Train a convolutional autoencoder on calorimeter images, and a small network that learns its score.

    Both see zero bias that the cut menu rejects, the student also mild outliers made of it; no signal. A
    third of the images validates. About four minutes for each seed on one core.

    Examples:

    `l1forge train calorimeter --seed 7 --trainings 1 -o build/calorimeter7`

    `l1forge train calorimeter --images zb.images.parquet --events zb.parquet -o build/calorimeter`
    """
    import l1forge.models.calorimeter.train as training
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.models.calorimeter.samples import TRAINING
    from l1forge.models.calorimeter.training import Schedule

    schedule = Schedule()
    training.main(
        seed,
        output,
        images or TRAINING,
        events,
        menu or DEFAULT,
        min(trainings, 2) if quick else trainings,
        training.shortened(schedule) if quick else schedule,
        report,
        1500 if quick else None,
    )


def hls_model(folder: Path) -> Any:
    """hls4ml's model of the student."""
    from l1forge.models.calorimeter.hls import hls_model

    return hls_model(folder)


def inputs() -> TrainedInputs:
    """The record of the committed training images."""
    from l1forge.models.calorimeter.samples import TRAINING
    from l1forge.models.calorimeter.train import record
    from l1forge.simulation.images import read_images

    return record(read_images(TRAINING).images)


def rows(file: Path | None) -> NDArray[np.int64]:
    """Real images for the co-verification, int64 (n, 252): those that judge, or those of a user's file."""
    import numpy as np

    from l1forge.models.calorimeter.samples import ZERO_BIAS
    from l1forge.simulation.images import read_images

    return read_images(file or ZERO_BIAS).images.astype(np.int64)


def samples() -> Samples:
    """The committed images."""
    from l1forge.models.calorimeter.samples import TRAINING, ZERO_BIAS
    from l1forge.simulation.images import FOLDER, ZERO_BIAS_ROWS
    from l1forge.simulation.sample import N_TRAIN

    signals = tuple(sorted(path for path in FOLDER.glob("*.parquet") if path not in (ZERO_BIAS, TRAINING)))
    return Samples(ZERO_BIAS, signals, N_TRAIN - ZERO_BIAS_ROWS[0])


MODEL = Model(
    "calorimeter",
    Training(train, talks=True),
    hls=hls_model,
    inputs=inputs,
    rows=rows,
    samples=samples,
)
