"""The muon networks in the trigger path: stubs in, pT code, charge and quality out, exact and fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models.muon_pt.bins import N_BINS
from l1forge.models.muon_pt.features import N_FEATURES, muon_features
from l1forge.models.muon_pt.momentum import LOGIT_LSB, Calibration, Muons, muons_from_logits
from l1forge.simulation.muons.sample import MuonSample

CALIBRATION = "calibration.json"


class MuonNetwork:
    """One trained network with its calibration; ``folder`` holds graph.json and calibration.json.

    Call it with stubs for the muon fields of the trigger objects, or use its two steps.

    Raises
    ------
    InputError
        If the folder lacks a file or holds an unusable one, or the graph's logits are of another type.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.graph = Graph.load(folder / "graph.json")
        self.kernel = compile_graph(self.graph)
        self.output = self.graph.outputs[0]
        node, columns = self.graph[self.output], [given.size for given in self.graph.inputs]
        if (columns, node.size, node.type.lsb) != ([N_FEATURES], N_BINS + 1, LOGIT_LSB):
            raise InputError(
                f"is not a muon network: {N_FEATURES} inputs, {N_BINS + 1} logits in steps of 1/16 expected",
                file=folder / "graph.json",
                field=f"output {self.output}",
                value=f"{columns} inputs, {node.size} of {node.type}",
            )
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
