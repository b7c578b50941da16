"""What the jet tagger with 6-bit weights offers; its siblings take their offers from here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l1forge.emulator.scoring.trained_inputs import TrainedInputs

JetFile = Annotated[
    Path | None,
    typer.Option("--data", help="File of jets (docs/jets.md); default: the committed sample."),
]
Trainings = Annotated[
    int,
    typer.Option(
        min=1, max=100, help="Networks to train, from --seed on; the lowest validation loss is kept."
    ),
]
Quick = Annotated[
    bool, typer.Option(help="Train one pass only; this checks the code, and the result is not useful.")
]


def offers(name: str, help_text: str) -> Model:
    """The offers of one version of the tagger."""

    def train(
        seed: int,
        output: Path,
        report: Report,
        data: JetFile = None,
        trainings: Trainings = 5,
        quick: Quick = False,
    ) -> None:
        from l1forge.models.jet_tagger.train import TaggerSchedule
        from l1forge.models.jet_tagger.train import main as run
        from l1forge.models.jet_tagger.versions import version

        schedule = TaggerSchedule().shortened() if quick else TaggerSchedule()
        run(version(name), seed, output, _jets(data), trainings, schedule, report)

    train.__doc__ = f"{help_text}\n\n    Example: `l1forge train {name} --seed 7 -o build/{name}`\n    "

    def hls(folder: Path) -> Any:
        from l1forge.models.jet_tagger.hls import hls_model
        from l1forge.models.jet_tagger.versions import version

        return hls_model(version(name), folder)

    def inputs() -> TrainedInputs:
        from l1forge.models.jet_tagger.inputs import trained_inputs
        from l1forge.models.jet_tagger.versions import version

        return trained_inputs(name, version(name).input_type, _jets(None).part("train"))

    def rows(file: Path | None) -> NDArray[np.int64]:
        from l1forge.models.jet_tagger.inputs import codes
        from l1forge.models.jet_tagger.versions import version

        return codes(_jets(file).features, version(name).input_type)

    return Model(name, Training(train, talks=True), hls=hls, inputs=inputs, rows=rows)


def _jets(file: Path | None) -> Any:
    from l1forge.simulation.jets.files import read
    from l1forge.simulation.jets.sample import FILE

    return read(file or FILE)


MODEL = offers(
    "jet_tagger", "Train the jet tagger 16-64-32-32-5: in float, then with 6-bit weights (QKeras)."
)
