"""`python -m firmware.bdt.conifer_worker FOLDER`: conifer in a process of its own.

conifer changes the working directory, takes headers and Python from the environment, names compiled modules
by the second and keeps them loaded; a process per project keeps all that away from the caller.

FOLDER holds ``request.json`` (ensemble, config, project) and, to have events scored, ``features.npy``; the
project is written, compiled where there are features, and ``scores.npy`` and ``answer.json`` are left.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


class IntegerConverter:
    """conifer's FixedPointConverter for ``ap_fixed<W,W>``: its compiled one is wrong with pybind11 >= 3."""

    def __init__(self, type_string: str) -> None:
        self.width = self.integer_bits = int(type_string.split("<")[1].split(",")[0])
        self.fractional_bits = 0

    def to_int(self, value: float) -> int:
        return int(value)

    def from_int(self, value: int) -> float:
        return float(value)


def work(folder: Path) -> dict[str, Any]:
    """Do what the request asks; returns the seconds spent compiling and scoring."""
    import conifer.backends.vhdl.writer as vhdl
    from conifer.backends import get_backend
    from conifer.backends.vhdl import set_simulator
    from conifer.model import make_model

    vhdl.FixedPointConverter = IntegerConverter
    set_simulator("ghdl")  # only names the scripts it writes
    request = json.loads((folder / "request.json").read_text())
    defaults = get_backend(request["config"]["Backend"]).auto_config()
    model = make_model(request["ensemble"], {**defaults, **request["config"]})
    model.write()
    if not (folder / "features.npy").exists():
        return {}
    features = np.load(folder / "features.npy").astype(np.float64)
    start = time.perf_counter()
    model.compile()
    compiled = time.perf_counter()
    scores = np.asarray(model.decision_function(features)).reshape(len(features), -1)
    scored = time.perf_counter()
    np.save(folder / "scores.npy", scores)
    return {"compile_s": compiled - start, "score_s": scored - compiled}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    answer = work(place)
    (place / "answer.json").write_text(json.dumps(answer))
