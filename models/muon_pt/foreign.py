"""The trained algorithms on stubs of another simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.atomic import atomic_path
from models.muon_patterns import find_patterns, load_patterns
from models.muon_patterns.patterns import PT_EDGES
from models.muon_pt.estimators import LARGE_FOLDER, SMALL_FOLDER
from models.muon_pt.path import MuonNetwork
from simulation.muons.stubs import read_stubs


def evaluate_stubs(path: Path, output: Path, say: Callable[[str], None]) -> None:
    """Read stubs, report what was left out, write pT of every candidate to ``output`` (parquet).

    Columns: ``candidate`` row number, ``pt_network``, ``pt_small`` (GeV, lower edge at 90 % efficiency,
    0: none), ``charge`` and ``quality`` of the large network, ``pt_patterns`` (GeV, lower edge of the
    pattern), and the truth that the file had.

    Raises
    ------
    InputError
        As :func:`simulation.muons.stubs.read_stubs`.
    """
    sample, counts = read_stubs(path)
    large, small = (MuonNetwork(folder)(sample) for folder in (LARGE_FOLDER, SMALL_FOLDER))
    pattern = find_patterns(sample.value, sample.quality, load_patterns()).pattern
    columns = {
        "candidate": np.arange(len(sample)),
        "pt_network": np.maximum(large.pt - 1, 0) / 2,
        "pt_small": np.maximum(small.pt - 1, 0) / 2,
        "charge": np.select([large.charge == 2, large.charge == 3], [1, -1], 0).astype(np.int8),
        "quality": large.quality,
        "pt_patterns": np.where(pattern >= 0, PT_EDGES[np.maximum(pattern, 0) // 2], 0.0),
        "pt": sample.pt,
        "true_charge": sample.charge,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(output) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    none = int((large.pt == 0).sum())
    say(f"{counts.candidates} candidates, {counts.stubs} stubs -> {output}")
    say(f"left out: {counts.outside_sector} stubs outside the sector, {counts.too_many} too many in a layer")
    say(f"held at the limit: {counts.saturated_angles} bending angles; no reference stub: {none} candidates")
