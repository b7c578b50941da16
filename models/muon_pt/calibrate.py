"""Calibrate the pT scale of a trained network: each bin's threshold at 90 % efficiency."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT, bin_of
from l1forge.models.muon_pt.features import muon_features
from l1forge.models.muon_pt.momentum import Calibration, calibrate
from l1forge.models.muon_pt.path import CALIBRATION
from l1forge.simulation.muons import MuonSettings, generate

MUONS, SEED, EFFICIENCY = 1_000_000, 555, 0.90


def calibrate_network(
    folder: Path, muons: int = MUONS, seed: int = SEED, efficiency: float = EFFICIENCY
) -> Calibration:
    """Write ``folder``/calibration.json for the network in ``folder``/graph.json.

    About ``muons`` / 110 muons fall into a bin at 20 GeV: the efficiency is exact to 0.3 % with the default.
    """
    sample = generate(muons, seed, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    graph = Graph.load(folder / "graph.json")
    columns = np.ascontiguousarray(features.T)
    logits = compile_graph(graph).run_array(columns)[graph.outputs[0]].T
    result = calibrate(np.ascontiguousarray(logits, np.int64), bin_of(sample.pt), layers > 0, efficiency)
    result.save(folder / CALIBRATION)
    return result
