"""What each of the four networks offers; the `offers.py` of its folder declares it by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.jet_sets.shapes import SHAPES
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l1forge.emulator.scoring.trained_inputs import TrainedInputs
    from l1forge.simulation.jets.sample import Jets

Data = Annotated[Path | None, typer.Option("--data", help="File with jets; default: the committed sample.")]
Quick = Annotated[
    bool,
    typer.Option(help="Train one epoch on few jets; this checks the code, and the result is not useful."),
]
SEED = 17


def declared(name: str, what: str) -> Model:
    """The model called ``name``; ``what`` it is, for the help."""

    def train(seed: int, output: Path, report: Report, data: Data = None, quick: Quick = False) -> None:
        import l1forge.models.jet_sets.train as training

        options = training.Options()
        training.main(name, seed, output, jets(data), options.shortened() if quick else options, report)

    def evaluate(folder: Path, report: Report) -> dict[str, Any]:
        import l1forge.models.jet_sets.train as training

        return training.evaluate(name, folder, jets(None), report)

    def rows(file: Path | None) -> NDArray[np.int64]:
        """The leading constituents of the jets of a file as the graph's inputs, one after the other."""
        from l1forge.models.jet_sets import inputs

        return inputs.rows(jets(file), SHAPES[name].constituents)

    def inputs() -> TrainedInputs:
        """The record of the committed sample's training part."""
        from l1forge.models.jet_sets.inputs import trained_inputs

        return trained_inputs(name, jets(None).part("train"))

    train.__doc__ = f"""Train {what}: float, then quantised; write graph, report and plot.

    A few minutes of one core.

    Example: `l1forge train {name} --seed 3 -o build/{name}`
    """
    evaluate.__doc__ = f"""Evaluate {what}: area under the ROC curve of each class, float and integers.

    Example: `l1forge evaluate {name} -o build/{name}`
    """
    return Model(name, Training(train, SEED), evaluate, written=True, inputs=inputs, rows=rows)


def jets(data: Path | None) -> Jets:
    """The jets of a file, or of the committed sample.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    from l1forge.simulation.jets.files import read
    from l1forge.simulation.jets.sample import FILE

    return read(data or FILE)
