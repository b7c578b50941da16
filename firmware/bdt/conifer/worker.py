"""`python -m l1forge.firmware.bdt.conifer.worker FOLDER`: conifer in a process of its own.

conifer changes the working directory, takes headers and Python from the environment, names compiled modules
by the second and keeps them loaded; a process per project keeps all that away from the caller.

FOLDER holds ``request.json`` (ensemble, config, compile). The project is written to ``FOLDER/project`` and
compiled if asked for. Each line of standard input then names an .npy file of features, whose scores are saved
beside it as ``<name>.scores.npy``. Answers are lines of JSON after ``ANSWER``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from conifer.model import ModelBase

ANSWER = "conifer-worker:"


class IntegerConverter:
    """conifer's FixedPointConverter for ``ap_fixed<W,W>``: its compiled one is wrong with pybind11 >= 3."""

    def __init__(self, type_string: str) -> None:
        self.width = self.integer_bits = int(type_string.split("<")[1].split(",")[0])
        self.fractional_bits = 0

    def to_int(self, value: float) -> int:
        return int(value)

    def from_int(self, value: int) -> float:
        return float(value)


def prepare(folder: Path) -> Any:
    """Write conifer's project, compile it if asked for; returns the model."""
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
    start = time.perf_counter()
    if request["compile"]:
        model.compile()
    answer(compile_s=time.perf_counter() - start)
    return model


def score(model: ModelBase, file: Path) -> None:
    """Save the scores of the features in ``file``."""
    features = np.load(file).astype(np.float64)
    start, cpu = time.perf_counter(), time.process_time()
    scores = np.asarray(model.decision_function(features)).reshape(len(features), -1)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    np.save(file.with_suffix(".scores.npy"), scores)
    answer(score_s=seconds, score_cpu_s=cpu_seconds)


def answer(**values: float) -> None:
    """Write one line that the parent process reads."""
    print(ANSWER, json.dumps(values), flush=True)


def main() -> None:
    """Prepare the model once; score each file that standard input names."""
    model = prepare(Path(sys.argv[1]))
    for line in sys.stdin:
        score(model, Path(line.strip()))


if __name__ == "__main__":
    main()
