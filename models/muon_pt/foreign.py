"""The trained algorithms on stubs of another simulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.scoring.trained_inputs import Comparison, TrainedInputs, record_beside
from l1forge.models import GRAPH
from l1forge.models.muon_patterns import Patterns, find_patterns, load_patterns
from l1forge.models.muon_patterns.patterns import PT_EDGES
from l1forge.models.muon_pt.estimators import LARGE_FOLDER, SMALL_FOLDER
from l1forge.models.muon_pt.features import FEATURES, muon_features
from l1forge.models.muon_pt.momentum import Muons
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_pt.stub_measure import measure
from l1forge.simulation.muons.sample import MuonSample
from l1forge.simulation.muons.stubs import StubReport, read_stubs

NEEDED = {
    "eta": "the networks read the reference stub's |eta|, in steps of 0.010875; for the patterns alone:"
    " --patterns-only"
}
"""Columns that the networks can not do without."""


def read(path: Path, networks: bool = True) -> tuple[MuonSample, StubReport]:
    """The stubs of ``path``; InputError as ``read_stubs``, and if the networks lack a column."""
    return read_stubs(path, needed=NEEDED if networks else None)


def folders_of(trained: Path | None) -> tuple[Path, Path]:
    """Folders of the large and of the small network below ``trained``; None: the committed ones.

    Raises
    ------
    InputError
        If one is missing.
    """
    if trained is None:
        return LARGE_FOLDER, SMALL_FOLDER
    found = trained / LARGE_FOLDER.name, trained / SMALL_FOLDER.name
    for folder in found:
        if not (folder / GRAPH).is_file():
            raise InputError(
                "is not a trained muon network: it has no graph.json",
                file=folder,
                field="--trained",
                remedy="give the folder that l1forge train muon_pt -o wrote",
            )
    return found


def compare(sample: MuonSample, folder: Path = LARGE_FOLDER) -> Comparison:
    """The inputs of the candidates against those that the large network was trained on."""
    made = Comparison(TrainedInputs.load(record_beside(folder / GRAPH)))
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    found = features[layers > 0]
    made.add({name: found[:, i] for i, name in enumerate(FEATURES)})
    return made


def evaluate_stubs(
    sample: MuonSample,
    output: Path,
    networks: bool = True,
    folders: tuple[Path, Path] = (LARGE_FOLDER, SMALL_FOLDER),
    tables: Patterns | None = None,
) -> dict[str, Any]:
    """Write pT of every candidate to ``output``/muons.parquet and, where there is truth, stubs.json.

    Columns: ``candidate`` row number, ``pt_network``, ``pt_small`` (GeV, lower edge at 90 % efficiency,
    0: none), ``charge`` and ``quality`` of the large network, ``pt_patterns`` (GeV, lower edge of the
    pattern), and the truth that the file had. Returns what :func:`stub_measure.measure` measured, with
    the number of candidates ``without_muon``. ``tables``: golden patterns to compare with as well.
    """
    pattern = find_patterns(sample.value, sample.quality, load_patterns()).pattern
    pt_patterns = np.where(pattern >= 0, PT_EDGES[np.maximum(pattern, 0) // 2], 0.0)
    columns: dict[str, np.ndarray] = {"candidate": np.arange(len(sample))}
    none = int((pattern < 0).sum())
    if networks:
        large, small = (MuonNetwork(folder)(sample) for folder in folders)
        columns |= _network_columns(large, small)
        none = int((large.pt == 0).sum())
    columns |= {"pt_patterns": pt_patterns, "pt": sample.pt, "true_charge": sample.charge}
    result = measure(sample, networks, folders, tables)
    output.mkdir(parents=True, exist_ok=True)
    with atomic_path(output / "muons.parquet") as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    if result["muons"]:
        write_text(output / "stubs.json", json.dumps(result, indent=1) + "\n")
    return result | {"without_muon": none}


def _network_columns(large: Muons, small: Muons) -> dict[str, np.ndarray]:
    return {
        "pt_network": np.maximum(large.pt - 1, 0) / 2,
        "pt_small": np.maximum(small.pt - 1, 0) / 2,
        "charge": np.select([large.charge == 2, large.charge == 3], [1, -1], 0).astype(np.int8),
        "quality": large.quality,
    }
