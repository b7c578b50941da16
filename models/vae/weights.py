"""The trained artefact ``weights.npz``: weights, and the tables that they were trained on."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.models.anomaly.pairs import PairTables
from l1forge.models.anomaly.tails import Tail
from l1forge.models.vae.network import Trained

FILE = "weights.npz"
_ARRAYS = ("centre", "spread", "mean", "mean_bias", "log_variance", "log_variance_bias")


def save(path: Path, trained: Trained, tables: PairTables) -> None:
    """Write everything from which the graph is built."""
    arrays = {name: getattr(trained, name) for name in _ARRAYS}
    arrays |= {f"decoder/{i}": values for i, values in enumerate(trained.decoder)}
    arrays |= {"seed": np.array(trained.seed), "loss": np.array(trained.loss)}
    arrays |= {"curve": np.array(trained.curve), "crossings": np.array(tables.crossings)}
    for name, tail in tables.tails.items():
        arrays |= {f"tail/{name}/decades": tail.decades, f"tail/{name}/code": tail.code}
        arrays |= {f"tail/{name}/at_code": tail.at_code, f"tail/{name}/counted": np.array(tail.counted)}
    for (a, b), decades in tables.decades.items():
        arrays |= {f"pair/{a}/{b}/decades": decades, f"pair/{a}/{b}/counted": tables.counted[a, b]}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load(path: Path) -> tuple[Trained, PairTables]:
    """Read what :func:`save` wrote.

    Raises
    ------
    InputError
        If it is not such a file.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tails = {
            name: Tail(
                arrays[f"tail/{name}/decades"],
                arrays[f"tail/{name}/code"],
                arrays[f"tail/{name}/at_code"],
                int(arrays[f"tail/{name}/counted"]),
            )
            for name in dict.fromkeys(key.split("/")[1] for key in arrays if key.startswith("tail/"))
        }
        pairs = dict.fromkeys(tuple(key.split("/")[1:3]) for key in arrays if key.startswith("pair/"))
        decades = {(a, b): arrays[f"pair/{a}/{b}/decades"] for a, b in pairs}
        counted = {(a, b): float(arrays[f"pair/{a}/{b}/counted"]) for a, b in pairs}
        tables = PairTables(tails, decades, counted, int(arrays["crossings"]))
        decoder = tuple(arrays[f"decoder/{i}"] for i in range(4))
        trained = Trained(
            int(arrays["seed"]),
            arrays["centre"],
            arrays["spread"],
            arrays["mean"],
            arrays["mean_bias"],
            arrays["log_variance"],
            arrays["log_variance_bias"],
            decoder,
            float(arrays["loss"]),
            tuple(arrays["curve"].tolist()),
        )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "not the weights of this network", file=path, remedy="train it: l1forge train vae"
        ) from error
    return trained, tables
