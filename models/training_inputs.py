"""Records of the inputs that the models of this repository were trained on: `l1forge train inputs`.

Each training writes ``inputs.json`` beside the graph; here the same is derived again from the committed
training samples, or for the muon networks from muons simulated with the seed of their training.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from l1forge.emulator.scoring.trained_inputs import TrainedInputs, record_beside
from l1forge.models import FOLDER, GRAPH

MUONS = 250_000
"""Simulated for the record: a tenth of the training sample, from its first random stream."""


def _vae() -> TrainedInputs:
    from l1forge.models.vae.train import load, trained_inputs, training_part
    from l1forge.simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SAMPLE / "zerobias.parquet")))


def _tau_id() -> TrainedInputs:
    from l1forge.models.tau_id.features import NAMES, features
    from l1forge.models.tau_id.train import DATA
    from l1forge.models.trees import samples as candidates

    return candidates.trained_inputs("tau_id", NAMES, candidates.load(DATA, features))


def _eg_iso() -> TrainedInputs:
    from l1forge.models.eg_iso.features import NAMES, features
    from l1forge.models.eg_iso.train import DATA
    from l1forge.models.trees import samples as candidates

    return candidates.trained_inputs("eg_iso", NAMES, candidates.load(DATA, features))


def _event_bdt() -> TrainedInputs:
    from l1forge.models.event_bdt.train import SIGNAL, load, trained_inputs, training_part
    from l1forge.simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SIGNAL), SAMPLE / "zerobias.parquet"))


def _muons(model: str) -> TrainedInputs:
    from l1forge.models.muon_pt.train import SEED, trained_inputs, training_set

    return trained_inputs(model, training_set(MUONS, SEED, 1.0).features.numpy())


RECORDS: dict[str, Callable[[], TrainedInputs]] = {
    "vae": _vae,
    "tau_id": _tau_id,
    "eg_iso": _eg_iso,
    "event_bdt": _event_bdt,
    "muon_pt": lambda: _muons("muon_pt"),
    "muon_pt_small": lambda: _muons("muon_pt_small"),
}
"""Model -> how its record is derived."""


def committed(model: str) -> Path:
    """Where the record of a model of this repository lies."""
    return record_beside(FOLDER / model / GRAPH)
