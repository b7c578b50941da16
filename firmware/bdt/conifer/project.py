"""conifer projects of a graph: written for the vendor tools, compiled here, and run on events."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import l1forge
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.bdt.conifer.model import ConiferModel, conifer_model
from l1forge.firmware.bdt.conifer.worker import ANSWER
from l1forge.firmware.rtl.ports import identifier
from l1forge.firmware.tools.children import Child
from l1forge.firmware.tools.verilator_root import require_tools

Backend = Literal["cpp", "xilinxhls", "vhdl"]
ONE_TREE = re.compile(r":= \(\(([^()]*)\)\s*\);")
"""conifer's array of a single tree; VHDL wants the one element's index written out."""
PART = "xcvu13p-flga2577-2-e"


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        _request(conifer_model(graph), Path(place), backend, part, clock_period_ns, compiled=False)
        with _Worker(Path(place), graph.name):
            pass
        for arrays in (Path(place) / "project" / "firmware").glob("Arrays*.vhd"):
            text = arrays.read_text(encoding="utf-8")
            arrays.write_text(ONE_TREE.sub(r":= (0 => (\1));", text), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        (Path(place) / "project").rename(folder)
    return folder


class CompiledConifer:
    """conifer's own C++ for a graph's trees, compiled and kept in a process; a context manager.

    Parameters
    ----------
    backend
        ``cpp`` (10-30 s to compile) or ``xilinxhls`` (up to minutes).

    Raises
    ------
    InputError
        If a compiler or header is missing, or conifer fails.
    """

    def __init__(self, graph: Graph, backend: Backend = "cpp") -> None:
        require_tools("g++")
        self.model = conifer_model(graph)
        self.seconds = self.cpu_seconds = 0.0
        self._folder = tempfile.TemporaryDirectory(prefix="conifer-")
        place = Path(self._folder.name)
        _request(self.model, place, backend, PART, 5.0, compiled=True)
        try:
            self._worker = _Worker(place, graph.name)
        except BaseException:
            self._folder.cleanup()
            raise

    @property
    def compile_s(self) -> float:
        """Seconds conifer took to write and compile its C++."""
        return self._worker.first["compile_s"]

    def __enter__(self) -> CompiledConifer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.__exit__(kind, error, trace)
        self._folder.cleanup()

    def __call__(self, features: NDArray[np.int64]) -> NDArray[np.int64]:
        """Scores (n, n_scores) of features (n, n_features): LSBs of the trees' input and of their sums.

        ``seconds`` and ``cpu_seconds`` add up what conifer's ``decision_function`` took.
        """
        low, high = self.model.features.minimum, self.model.features.maximum
        if features.size and (features.min() < low or features.max() > high):
            raise InputError(f"does not fit {self.model.features}", field=f"{self.model.name}: features")
        file = Path(self._folder.name) / "features.npy"
        np.save(file, features)
        taken = self._worker.ask(str(file))
        self.seconds += taken["score_s"]
        self.cpu_seconds += taken["score_cpu_s"]
        scores: NDArray[np.int64] = np.load(file.with_suffix(".scores.npy")).astype(np.int64)
        return scores[:, : self.model.n_scores]


class _Worker:
    """A conifer process; ``first`` is its answer when it is ready."""

    def __init__(self, place: Path, name: str) -> None:
        self.name = name
        with ExitStack() as stack:
            # not in place: what is wrong may be that its disk is full
            self.log = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            self.process = stack.enter_context(
                Child(
                    [sys.executable, "-m", "l1forge.firmware.bdt.conifer.worker", str(place.resolve())],
                    cwd=place,
                    env=conifer_environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self.log,
                )
            )
            self.first = self._answer()
            self._open = stack.pop_all()

    def ask(self, line: str) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(ANSWER):
                values: dict[str, float] = json.loads(line.removeprefix(ANSWER))
                return values
        self.process.wait()
        self.log.seek(0)
        said = (self.log.read().strip().splitlines() or ["no message"])[-1]
        raise InputError(f"conifer failed: {said[:300]}", field=self.name)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The end of its input is the worker's end; after an exception it is ended at once."""
        self._open.__exit__(kind, error, trace)


def _request(
    model: ConiferModel, place: Path, backend: Backend, part: str, clock_period_ns: float, *, compiled: bool
) -> None:
    inputs = model.width if backend == "vhdl" else model.input_width
    scores = model.width if backend == "vhdl" else model.score_width
    config: dict[str, Any] = {
        "Backend": backend,
        "ProjectName": identifier(model.name),
        "OutputDir": "project",
        "InputPrecision": f"ap_fixed<{inputs},{inputs}>",
        "ThresholdPrecision": f"ap_fixed<{inputs},{inputs}>",
        "WeightPrecision": "ap_fixed<2,2>",
        "ScorePrecision": f"ap_fixed<{scores},{scores}>",
    }
    if backend != "cpp":
        config["XilinxPart"] = part
    if backend == "xilinxhls":
        config["ClockPeriod"] = clock_period_ns
    request = {"ensemble": model.ensemble, "config": config, "compile": compiled}
    (place / "request.json").write_text(json.dumps(request))


def conifer_environment() -> dict[str, str]:
    """The headers that conifer's wheel lacks, and this Python before any other.

    Raises
    ------
    InputError
        If hls4ml (ap_fixed headers) or nlohmann-json is not installed.
    """
    ap_types = _package_folder("hls4ml") / "templates" / "vivado" / "ap_types"
    json_headers = _package_folder("nlohmann_json") / "include"
    root = Path(l1forge.__file__).resolve().parents[1]
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
