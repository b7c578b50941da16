"""Records of the inputs that the models of this repository were trained on: `l1forge train inputs`.

Each training writes ``inputs.json`` beside the graph; here the same is derived again from the committed
training samples, or for the muon networks from muons simulated with the seed of their training.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emulator.trained_inputs import TrainedInputs, record_beside
from models import FOLDER, GRAPH

MUONS = 250_000
"""Simulated for the record: a tenth of the training sample, from its first random stream."""


def _vae() -> TrainedInputs:
    from models.vae.train import load, trained_inputs, training_part
    from simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SAMPLE / "zerobias.parquet")))


def _tau_id() -> TrainedInputs:
    from models import candidates
    from models.tau_id.features import NAMES, features
    from models.tau_id.train import DATA

    return candidates.trained_inputs("tau_id", NAMES, candidates.load(DATA, features))


def _eg_iso() -> TrainedInputs:
    from models import candidates
    from models.eg_iso.features import NAMES, features
    from models.eg_iso.train import DATA

    return candidates.trained_inputs("eg_iso", NAMES, candidates.load(DATA, features))


def _event_bdt() -> TrainedInputs:
    from models.event_bdt.train import SIGNAL, load, trained_inputs, training_part
    from simulation.sample import FOLDER as SAMPLE

    return trained_inputs(training_part(load(SIGNAL), SAMPLE / "zerobias.parquet"))


def _muons(model: str) -> TrainedInputs:
    from models.muon_pt.train import SEED, trained_inputs, training_set

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
