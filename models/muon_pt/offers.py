"""What the large muon network offers; its training trains the small one, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.emulator.errors import InputError
from l1forge.models import GRAPH
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs

MUONS = 250_000
"""Simulated for the record of inputs: a tenth of the training sample, from its first random stream."""


def train(
    seed: int,
    output: Path | None,
    report: Report,
    quick: Annotated[
        bool,
        typer.Option(
            help="Train one epoch on few muons; this checks the code, and the result is not useful."
        ),
    ] = False,
    stubs: Annotated[
        Path | None,
        typer.Option(help="Train on these stubs of another simulation (npz, parquet, with true pT)."),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="With --stubs: do not begin with the committed weights.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(help="With --stubs: passes over them; default: 20.", min=1)
    ] = None,
) -> None:
    """Train the muon pT networks (10 x 128 and the small one): float, quantised, calibrated, graphs.

    With `--stubs` the committed networks are fine-tuned on stubs of another simulation. A quarter of them
    is held out: it calibrates the pT scale, and tables at the end compare patterns and networks on it.

    Examples:

    `l1forge train muon_pt --quick -o build/muon`

    `l1forge train muon_pt --stubs full_simulation.parquet -o build/tuned`, then
    `l1forge evaluate muon_pt --stubs other.parquet --trained build/tuned`
    """
    for option, given in (("--from-scratch", from_scratch), ("--epochs", epochs)):
        if given and stubs is None:
            raise InputError("needs --stubs", field=option)
    if stubs is not None:
        if quick:
            raise InputError("does not go with --stubs", field="--quick", remedy="give --epochs 1")
        from l1forge.models.muon_pt import fine_tune
        from l1forge.models.muon_pt.stub_tables import tables

        options = fine_tune.Options(from_scratch=from_scratch)
        if epochs is not None:
            options = fine_tune.Options(
                epochs, quantised_epochs=max(epochs // 3, 1), from_scratch=from_scratch
            )
        found = fine_tune.tune(stubs, seed, output, options, report)
        for moment in ("before", "after"):
            report(f"{moment} the training, on {found['held_out']} held-out candidates:")
            for table in tables(found[moment]):
                report(table)
        return
    import l1forge.models.muon_pt.train as training

    training.main(seed, output, quick=quick, report=report)


def hls_model(folder: Path) -> Any:
    """hls4ml's model of the ten-layer network."""
    from l1forge.models.muon_pt.hls import hls_model

    return hls_model(folder)


def stage(graph: Path, scores: tuple[str, ...]) -> Any:
    """The network in the trigger path: it runs on stubs, not on event columns."""
    from l1forge.models.muon_pt.path import MuonNetwork
    from l1forge.models.muon_pt.stage import MuonStage

    if graph.name != GRAPH:
        raise InputError(
            "the muon network needs its calibration",
            field="--model",
            value=str(graph),
            remedy=f"call it {GRAPH}, beside its calibration.json",
        )
    return MuonStage(MuonNetwork(graph.parent), scores)


def inputs(name: str = "muon_pt") -> TrainedInputs:
    """The record of muons simulated with the seed of the training, for the network ``name``.

    Of the large network: the random detectors of its last step.
    """
    from l1forge.models.muon_pt.train import SEED, trained_inputs, training_set

    if name != "muon_pt":
        return trained_inputs(name, training_set(MUONS, SEED, 1.0).features.numpy())
    from l1forge.models.muon_pt.robust import FIRST_SEED, Rounds, robust_set
    from l1forge.simulation.muons.detectors import load_randomised

    plan = Rounds()
    last = robust_set(plan.muons, SEED + FIRST_SEED + plan.rounds, 1.0, load_randomised())
    return trained_inputs(name, last.features.numpy())


MODEL = Model(
    "muon_pt", Training(train, 31, "folders", talks=True), hls=hls_model, stage=stage, inputs=inputs
)
