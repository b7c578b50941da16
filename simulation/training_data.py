"""`python -m simulation.training_data`: candidate samples for the tau and e/gamma classifiers.

Signal: matched candidates of H(125)→ττ (with DY→ττ) and of W→eν, γ*/Z→ee. Background: zero bias.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.atomic import atomic_path
from simulation.candidates import find
from simulation.mixing import library
from simulation.pool import load
from simulation.production import Run, make_pools
from simulation.sample import PILEUP, SEED

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Sample:
    """``signals``: process and number of its pool collisions; ``limit``: candidates kept per class."""

    kind: str
    target: Path
    least: float  # GeV
    signals: tuple[tuple[str, int], ...]
    zero_bias: int
    limit: int


SAMPLES = (
    Sample(
        "tau",
        ROOT / "models/tau_id/data/candidates.parquet",
        15.0,
        (("htautau", 10_000), ("dy", 3_000)),
        40_000,
        25_000,
    ),
    Sample(
        "eg",
        ROOT / "models/eg_iso/data/candidates.parquet",
        10.0,
        (("w", 4_000), ("dy", 3_000)),
        150_000,
        25_000,
    ),
)


def build(sample: Sample, cache: Path, passes: int = 4) -> pa.Table:
    """Collect both classes.

    Signal collisions are overlaid ``passes`` times with independent pile-up; ``event`` numbers the
    generated collision, so that a split by ``event`` keeps copies together. Background rows have
    ``truth`` 0 and ``event`` counts crossings from 10 million.
    """
    run = Run("htautau", 10_000, SEED, cache, PILEUP)
    for _ in make_pools(run, 1):
        pass
    strata = [load(name, n, SEED, run.pools) for name, n in run.strata().items()]
    parts: list[dict[str, np.ndarray]] = []
    for k, (name, n) in enumerate(sample.signals):
        pool = load(name, n, SEED, run.pools)
        lib = library(strata, PILEUP, pool)
        for turn in range(passes):
            rng = np.random.default_rng([SEED, k, turn])
            part = find(rng, lib, pool.n, sample.kind, sample.least, pool)
            matched = {key: column[part["truth"] == 1] for key, column in part.items()}
            parts.append({**matched, "event": matched["event"] + 1_000_000 * k})
    signal = _limit(parts, sample.limit)
    lib = library(strata, PILEUP)
    found = find(np.random.default_rng([SEED, 99]), lib, sample.zero_bias, sample.kind, sample.least)
    background = _limit([{**found, "event": found["event"] + 10_000_000}], sample.limit)
    columns = {key: np.concatenate([signal[key], background[key]]) for key in signal}
    return _table(columns, sample)


def _limit(parts: list[dict[str, np.ndarray]], limit: int) -> dict[str, np.ndarray]:
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    n = len(joined["et"])
    keep = np.sort(np.random.default_rng(SEED).permutation(n)[:limit])
    return {key: column[keep] for key, column in joined.items()}


def _table(columns: dict[str, np.ndarray], sample: Sample) -> pa.Table:
    arrays: dict[str, pa.Array] = {}
    for name, column in columns.items():
        if column.ndim == 1:
            arrays[name] = pa.array(column.astype(np.int32 if name == "event" else np.int16))
        else:
            flat = column.reshape(len(column), -1)
            arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
    description = {
        "format": "l1forge-candidates",
        "version": 1,
        "kind": sample.kind,
        "signals": dict(sample.signals),
        "seed": SEED,
        "pileup": PILEUP,
        "least_et_gev": sample.least,
    }
    return pa.table(arrays).replace_schema_metadata({b"l1forge": json.dumps(description).encode()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(os.environ.get("L1FORGE_CACHE", ".cache")))
    arguments = parser.parse_args()
    for sample in SAMPLES:
        table = build(sample, arguments.cache)
        sample.target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(sample.target) as temporary:
            pq.write_table(table, temporary, compression="zstd", compression_level=12)
        truth = np.asarray(table["truth"])
        size = sample.target.stat().st_size / 1e6
        print(f"{sample.target}: {truth.sum()} signal, {(truth == 0).sum()} background, {size:.2f} MB")


if __name__ == "__main__":
    main()
