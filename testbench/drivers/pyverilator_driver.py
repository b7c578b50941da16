"""A second, independent way to drive the same Verilated design: pyverilator, in-process, port by port.

pyverilator 0.7.0 is used unmodified. Two things keep it from building designs today: its dependency
tclwrapper (for GTKWave only) calls a Tcl function that Python 3.11 removed, and its port parser does not know
Verilator 5's declarations. So the missing module is stubbed and the shared library is built here, from
pyverilator's own C++ template.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.tools.locks import locked
from l1forge.firmware.tools.verilator_root import verilator_root
from l1forge.testbench.drivers.build import Simulation, is_linked, link_library
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Stream, Toggles
from l1forge.testbench.drivers.packing import WORD, pack, unpack, words_of

LIBRARY = "pyverilator.so"


def load(simulation: Simulation) -> Any:
    """A ``pyverilator.PyVerilator`` of the packed shell.

    Raises
    ------
    InputError
        If the library does not compile.
    """
    pyverilator = _import()
    library = simulation.folder / LIBRARY
    with locked(library):
        if not is_linked(simulation, LIBRARY):
            _build(simulation)
    # the template counts evaluations as time, and Verilator makes no second model at a later time
    ctypes.c_double.in_dll(ctypes.CDLL(str(library)), "main_time").value = 0.0
    return pyverilator.PyVerilator(str(library), auto_eval=False)


def _import() -> Any:
    sys.modules.setdefault("tclwrapper", ModuleType("tclwrapper"))
    return importlib.import_module("pyverilator")


def _build(simulation: Simulation) -> None:
    template = importlib.import_module("pyverilator.verilatorcpp").template_cpp
    project = simulation.project
    words_in, words_out = words_of(project.inputs), words_of(project.outputs)
    inputs = [("clk", 1), ("rst", 1), ("in_valid", 1), ("in_word", WORD * words_in)]
    outputs = [("out_valid", 1), ("out_word", WORD * words_out)]
    source = simulation.folder / "pyverilator.cpp"
    source.write_text(template("top", inputs, outputs, [], json.dumps(json.dumps(None))))
    # its template brings its own vl_finish and needs the tracer's symbols even where nothing is traced
    tracer = str(verilator_root() / "include" / "verilated_vcd_c.cpp")
    link_library(simulation, source, LIBRARY, options=[tracer, "-Wl,-z,muldefs"])


class PyVerilatorDriver:
    """Streams events through pyverilator, one per clock, with random gaps; tens of thousands of clocks/s."""

    def __init__(self, simulation: Simulation, seed: int = 1) -> None:
        self.simulation, self.sim = simulation, load(simulation)
        self.generator = np.random.default_rng(seed)

    def stream(self, inputs: NDArray[np.int64], *, watch: bool = False) -> Stream:
        """Send events (n, input ports). ``watch`` is ignored: toggles are counted by the compiled harness."""
        project = self.simulation.project
        sim = self.sim
        sim["rst"], sim["in_valid"] = 1, 0
        for _ in range(4):
            _clock(sim)
        sim["rst"] = 0
        events = [int.from_bytes(row.tobytes(), "little") for row in pack(inputs, project.inputs)]
        noise = int.from_bytes(self.generator.bytes(4 * words_of(project.inputs)), "little")
        history = [0] * project.latency
        results: list[int] = []
        misplaced = clocks = sent = 0
        drain = 2 * project.latency
        while sent < len(events) or drain > 0:
            valid = sent < len(events) and self.generator.random() >= GAP_PROBABILITY
            drain -= sent >= len(events)
            sim["in_valid"], sim["in_word"] = int(valid), events[sent] if valid else noise
            sent += valid
            seen = int(sim["out_valid"])
            misplaced += seen != history[clocks % project.latency]
            history[clocks % project.latency] = int(valid)
            if seen:
                results.append(int(sim["out_word"]))
            _clock(sim)
            clocks += 1
        size = 4 * words_of(project.outputs)
        raw = b"".join(word.to_bytes(size, "little") for word in results)
        words = np.frombuffer(raw, np.uint32).reshape(len(results), words_of(project.outputs))
        outputs = np.zeros((len(inputs), len(project.outputs)), np.int64)
        kept = min(len(words), len(inputs))
        outputs[:kept] = unpack(words[:kept], project.outputs)
        return Stream(outputs, len(results), clocks, misplaced)

    def toggles(self) -> list[Toggles]:
        return []


def _clock(sim: Any) -> None:
    for level in (1, 0):
        sim["clk"] = level
        sim.eval()
