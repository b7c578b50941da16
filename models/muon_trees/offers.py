"""What the muon trees offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path | None,
    report: Report,
    quick: Annotated[
        bool,
        typer.Option(
            help="Train few trees on few muons; this checks the code, and the result is not useful."
        ),
    ] = False,
    trees: Annotated[int | None, typer.Option(help="Trees of pT.", min=1, max=2000)] = None,
    detector: Annotated[
        str | None,
        typer.Option(help="Detector of the training muons, as for simulate-muons: nominal, randomised, ..."),
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Depth of the trees of pT.", min=1, max=10)] = None,
) -> None:
    """Train the boosted trees of muon pT on the answers of muon_pt: graph, pT scale, record (a minute).

    Example: `l1forge train muon_trees --trees 300 --depth 6 -o build/muon_trees`
    """
    from dataclasses import replace

    from l1forge.models.muon_trees import train as training

    options = training.Options()
    if quick:
        options = options.shortened()
    given: dict[str, Any] = {
        name: value
        for name, value in (("trees", trees), ("depth", depth), ("detector", detector))
        if value is not None
    }
    if given.get("detector", "nominal") != "nominal":
        given["teacher"] = 0.0  # the network knows the nominal detector only
        report("the target is the true pT alone: the network knows the nominal detector only")
    training.main(seed, output, replace(options, **given), report=report)


def evaluate(folder: Path, report: Report) -> dict[str, Any]:
    """Evaluate the boosted trees of muon pT: rate against look-up tables and latency, for the first n trees.

    Example: `l1forge evaluate muon_trees -o build/muon_trees`
    """
    from l1forge.models.muon_trees.pareto import evaluate

    return evaluate(folder, report)


def inputs() -> TrainedInputs:
    """The record of muons simulated with the seed of the calibration."""
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs
    from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT
    from l1forge.models.muon_pt.features import FEATURES, muon_features
    from l1forge.models.muon_trees.graph import NAME
    from l1forge.models.muon_trees.train import Options
    from l1forge.simulation.muons import MuonSettings, generate

    sample = generate(Options().calibration, 555, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    return TrainedInputs.of(NAME, "simulated muons", FEATURES, features[layers > 0])


MODEL = Model("muon_trees", Training(train, 31, "folders"), evaluate, inputs=inputs)
