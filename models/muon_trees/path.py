"""The trees in the trigger path: stubs in, pT code, charge and quality out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.kernel import compile_graph
from l1forge.models.muon_pt.bins import N_BINS, PT_CODES
from l1forge.models.muon_pt.features import N_FEATURES, muon_features
from l1forge.models.muon_pt.momentum import NEGATIVE, POSITIVE, Muons, quality_of
from l1forge.simulation.muons.sample import MuonSample

FOLDER = Path(__file__).parent
CALIBRATION = "calibration.json"
PT, CHARGE = "pt", "charge"
"""Outputs of the graph."""


@dataclass(frozen=True)
class Scale:
    """Cuts on the score: bin k is the highest one with score >= ``cut[k]`` (43,), at ``efficiency``.

    ``centre`` (43,): score that half of the bin's muons reach; ``gev`` (43,): the bins' centres.
    """

    efficiency: float
    cut: np.ndarray
    centre: np.ndarray
    gev: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        data = {
            name: np.asarray(getattr(self, name)).tolist() for name in ("efficiency", "cut", "centre", "gev")
        }
        write_text(path, json.dumps(data) + "\n")

    @staticmethod
    def load(path: str | Path) -> Scale:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing, or does not hold 43 cuts in rising order.
        """
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
            cut, centre = (np.array(data[name], np.int64) for name in ("cut", "centre"))
            scale = Scale(float(data["efficiency"]), cut, centre, np.array(data["gev"], float))
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise InputError(
                "not a pT scale of the trees", file=path, remedy="l1forge train muon_trees writes one"
            ) from error
        for name in ("cut", "centre", "gev"):
            row = getattr(scale, name)
            if row.shape != (N_BINS,) or (np.diff(row) < 0).any():
                raise InputError(
                    f"needs {N_BINS} values in rising order", file=path, field=name, value=row.shape
                )
        return scale

    def bins(self, score: np.ndarray) -> np.ndarray:
        """pT bin of each score (n,), int64."""
        return np.maximum(np.searchsorted(self.cut, score, side="right") - 1, 0)

    def pt(self, score: np.ndarray) -> np.ndarray:
        """Central pT in GeV of each score (n,), between the bins' centres."""
        places, first = np.unique(self.centre, return_index=True)
        return np.exp(np.interp(score, places, np.log(self.gev[first])))


def scores_of(
    graph: Graph, features: np.ndarray, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of pT and of the charge, each (n,) int64, for network inputs (n, 45)."""
    result = compile_graph(graph).run_array(np.ascontiguousarray(features.T), threads)
    return result[PT].reshape(-1).astype(np.int64), result[CHARGE].reshape(-1).astype(np.int64)


class MuonTrees:
    """The trees with their pT scale; ``folder`` holds graph.json and calibration.json.

    Raises
    ------
    InputError
        If the folder lacks a file or holds an unusable one.
    """

    def __init__(self, folder: str | Path = FOLDER) -> None:
        folder = Path(folder)
        self.graph = Graph.load(folder / "graph.json")
        if [given.size for given in self.graph.inputs] != [N_FEATURES] or self.graph.outputs != [PT, CHARGE]:
            raise InputError(
                f"are not the muon trees: {N_FEATURES} inputs and outputs {PT}, {CHARGE} expected",
                file=folder / "graph.json", field="outputs", value=self.graph.outputs,
            )  # fmt: skip
        self.scale = Scale.load(folder / CALIBRATION)

    def scores(self, features: np.ndarray, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Scores of pT and of the charge, each (n,) int64, for network inputs (n, 45)."""
        return scores_of(self.graph, features, threads)

    def __call__(self, sample: MuonSample, threads: int | None = None) -> Muons:
        """pT code, charge and quality of each candidate; all 0 where there is no reference stub."""
        features, layers = muon_features(sample.value, sample.eta, sample.quality)
        score, side = self.scores(features, threads)
        found = layers > 0
        code = PT_CODES[self.scale.bins(score)]
        charge = np.where(side > 0, POSITIVE, NEGATIVE)
        return Muons(
            np.where(found, code, 0).astype(np.int16),
            np.where(found, charge, 0).astype(np.int16),
            quality_of(layers),
        )
