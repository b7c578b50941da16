"""What the event classifier offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.options import Trees
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path,
    report: Report,
    zero_bias: Annotated[
        Path | None, typer.Option(help="File with zero-bias events; default: the committed sample.")
    ] = None,
    signal: Annotated[
        Path | None, typer.Option(help="File with signal events; default: the committed VBF sample.")
    ] = None,
    trees: Trees = 60,
) -> None:
    """Train the VBF H->tautau classifier, write it as a TMVA file, read that back, quantise and evaluate.

    Example: `l1forge train event_bdt -o build/event_bdt`
    """
    import l1forge.models.event_bdt.train as training
    from l1forge.emulator.events.check_files import check_event_files

    check_event_files(file for file in (zero_bias, signal) if file is not None)
    training.main(seed, output, zero_bias, signal or training.SIGNAL, trees, report)


def evaluate(folder: Path, report: Report) -> dict[str, Any]:
    """Evaluate the VBF H->tautau classifier: efficiency at equal rate against cut-based seeds, loss against
    bits.

    Example: `l1forge evaluate event_bdt -o build/event_bdt`
    """
    import l1forge.models.event_bdt.train as training

    return training.evaluate(folder, say=report)


def inputs() -> TrainedInputs:
    """The record of the committed signal's and zero bias's training parts."""
    from l1forge.models.event_bdt.train import SIGNAL, load, trained_inputs, training_part
    from l1forge.simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SIGNAL), SAMPLE / "zerobias.parquet"))


MODEL = Model("event_bdt", Training(train), evaluate, inputs=inputs)
