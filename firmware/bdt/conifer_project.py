"""conifer projects of a graph: written for the vendor tools, compiled here, and run on events."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.graph import Graph
from firmware.bdt.conifer_model import ConiferModel, conifer_model
from firmware.verilator_root import require_tools

Backend = Literal["cpp", "xilinxhls", "vhdl"]
PART = "xcvu13p-flga2577-2-e"


@dataclass(frozen=True)
class Scored:
    """What conifer's compiled C++ gave: integers in the graph's LSBs, and the time it took."""

    scores: NDArray[np.int64]
    compile_s: float
    score_s: float


def write_project(
    graph: Graph, folder: Path, backend: Backend, *, part: str = PART, clock_period_ns: float = 5.0
) -> Path:
    """Write conifer's project for ``graph`` to ``folder`` (replaced as a whole); returns the folder.

    All numbers in the project are LSBs of the graph's types: ``ap_fixed<W,W>``.

    Raises
    ------
    InputError
        If conifer cannot hold the graph, or fails.
    """
    model = conifer_model(graph)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        _work(model, Path(place), backend, part, clock_period_ns, None)
        shutil.rmtree(folder, ignore_errors=True)
        (Path(place) / "project").rename(folder)
    return folder


def score(graph: Graph, features: NDArray[np.int64], backend: Backend = "cpp") -> Scored:
    """Compile conifer's C++ for ``graph`` and run it on integers of the tree node's input.

    Parameters
    ----------
    features
        Shape (n, n_features), in LSBs of the type that the trees compare.
    backend
        ``cpp`` (10-30 s to compile) or ``xilinxhls`` (up to minutes).

    Raises
    ------
    InputError
        If a compiler or header is missing, or conifer fails.
    """
    model = conifer_model(graph)
    low, high = model.features.minimum, model.features.maximum
    if features.size and (features.min() < low or features.max() > high):
        raise InputError(f"does not fit {model.features}", field=f"{graph.name}: features")
    with tempfile.TemporaryDirectory(prefix="conifer-") as place:
        answer = _work(model, Path(place), backend, PART, 5.0, features)
        scores = np.load(Path(place) / "scores.npy").astype(np.int64)
    return Scored(scores[:, : model.n_scores], answer["compile_s"], answer["score_s"])


def _work(
    model: ConiferModel,
    place: Path,
    backend: Backend,
    part: str,
    clock_period_ns: float,
    features: NDArray[np.int64] | None,
) -> dict[str, Any]:
    inputs = model.width if backend == "vhdl" else model.input_width
    scores = model.width if backend == "vhdl" else model.score_width
    config = {
        "Backend": backend,
        "ProjectName": model.name,
        "OutputDir": "project",
        "InputPrecision": f"ap_fixed<{inputs},{inputs}>",
        "ThresholdPrecision": f"ap_fixed<{inputs},{inputs}>",
        "WeightPrecision": "ap_fixed<2,2>",
        "ScorePrecision": f"ap_fixed<{scores},{scores}>",
    }
    if backend != "cpp":
        config |= {"XilinxPart": part}
    if backend == "xilinxhls":
        config |= {"ClockPeriod": clock_period_ns}  # type: ignore[dict-item]
    request = {"ensemble": model.ensemble, "config": config}
    (place / "request.json").write_text(json.dumps(request))
    if features is not None:
        require_tools("g++")
        np.save(place / "features.npy", features)
    command = [sys.executable, "-m", "firmware.bdt.conifer_worker", str(place)]
    done = subprocess.run(
        command, cwd=place, env=conifer_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode or not (place / "answer.json").exists():
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"conifer failed: {said[:300]}", field=model.name, value=backend)
    answer: dict[str, Any] = json.loads((place / "answer.json").read_text())
    return answer


def conifer_environment() -> dict[str, str]:
    """The headers that conifer's wheel lacks, and this Python before any other.

    Raises
    ------
    InputError
        If hls4ml (ap_fixed headers) or nlohmann-json is not installed.
    """
    ap_types = _package_folder("hls4ml") / "templates" / "vivado" / "ap_types"
    json_headers = _package_folder("nlohmann_json") / "include"
    root = Path(__file__).resolve().parents[2]
    return {
        **os.environ,
        "XILINX_AP_INCLUDE": str(ap_types),
        "CPATH": os.pathsep.join(filter(None, [str(json_headers), os.environ.get("CPATH", "")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
    }


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "Python package is not installed", field=name, remedy="pip install 'l1forge[firmware]'"
        )
    return Path(next(iter(spec.submodule_search_locations)))
