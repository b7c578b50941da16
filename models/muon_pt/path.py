"""The muon networks in the trigger path: stubs in, pT code, charge and quality out, exact and fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emulator.graph import Graph
from emulator.kernel import compile_graph
from models.muon_pt.features import muon_features
from models.muon_pt.momentum import Calibration, Muons, muons_from_logits
from simulation.muons.sample import MuonSample

CALIBRATION = "calibration.json"


class MuonNetwork:
    """One trained network with its calibration; ``folder`` holds graph.json and calibration.json.

    Call it with stubs for the muon fields of the trigger objects, or use its two steps.

    Raises
    ------
    InputError
        If the folder lacks a file or holds an unusable one.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.graph = Graph.load(folder / "graph.json")
        self.kernel = compile_graph(self.graph)
        self.output = self.graph.outputs[0]
        self.calibration = Calibration.load(folder / CALIBRATION)

    def logits(self, features: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Network outputs of features (n, 45) int: 43 bins and the charge, (n, 44) int64, LSB 1/16."""
        columns = np.ascontiguousarray(features.T)
        return np.ascontiguousarray(self.kernel.run_array(columns, threads)[self.output].T, np.int64)

    def __call__(self, sample: MuonSample, threads: int | None = None) -> Muons:
        """pT code, charge and quality of each candidate; all 0 where there is no reference stub.

        pT codes have 90 % efficiency at their value. The arrays go straight into the columns ``mu.pt``,
        ``mu.charge`` and ``mu.qual`` of the event stream.
        """
        features, layers = muon_features(sample.value, sample.eta, sample.quality)
        return muons_from_logits(self.logits(features, threads), layers, self.calibration)
