"""The AXI4-Stream wrapper of a design, simulated by Verilator and driven through cocotbext-axi."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.rtl.axi_stream import SOURCE, axi_stream_module, axis_name, stream_bytes
from l1forge.testbench.drivers.build import (
    VERILATOR_OPTIONS,
    build_failure,
    keep_objects,
    kept_objects,
    lend_objects,
    runner,
)
from l1forge.testbench.drivers.harness import Stream, Toggles
from l1forge.testbench.drivers.packing import pack, unpack

PAUSE_PROBABILITIES = (0.0, 0.3, 0.7)
"""Source and sink pause with one of these, drawn anew for every stretch of clocks."""
STRETCH, STRETCHES = 64, 61


class AxiDriver:
    """The wrapper around ``project``; ``seed`` fixes when source and sink pause.

    ``held`` and ``stalled`` count the clocks on which a result waited for the sink, and a word for the
    design: back-pressure was there.
    """

    def __init__(self, project: RtlProject, seed: int = 1) -> None:
        self.project = project
        self.generator = np.random.default_rng(seed)
        self.held = self.stalled = 0

    def stream(self, inputs: NDArray[np.int64], *, watch: bool = False) -> Stream:
        """Send events (n, input ports). ``watch`` is ignored: there are no toggles.

        A word that changed while the sink made it wait counts as misplaced.

        Raises
        ------
        InputError
            If the design does not build, or the simulator leaves no result.
        """
        folder = self._built()
        size_in, size_out = stream_bytes(self.project.inputs), stream_bytes(self.project.outputs)
        with tempfile.TemporaryDirectory(dir=folder, prefix="run-") as place:
            run = Path(place)
            packed = pack(inputs, self.project.inputs)
            words = packed.view(np.uint8).reshape(len(packed), -1)[:, :size_in]
            np.savez(run / "stimulus.npz", words=words, waits=self._pauses(), blocks=self._pauses())
            self._simulate(folder, run)
            if not (run / "result.npz").exists():
                log = run / "simulation.log"
                tail = " | ".join(log.read_text().splitlines()[-5:]) if log.exists() else "no log"
                raise InputError(f"cocotb left no result: {tail}", file=folder)
            with np.load(run / "result.npz") as result:
                found, (clocks, held, stalled, broken) = result["words"], map(int, result["counts"])
        self.held, self.stalled = self.held + held, self.stalled + stalled
        wide = np.zeros((len(found), -(-size_out // 4) * 4), np.uint8)
        wide[:, :size_out] = found
        outputs = np.zeros((len(inputs), len(self.project.outputs)), np.int64)
        kept = min(len(found), len(inputs))
        outputs[:kept] = unpack(wide.view(np.uint32)[:kept], self.project.outputs)
        return Stream(outputs, len(found), clocks, broken)

    def toggles(self) -> list[Toggles]:
        """None are counted."""
        return []

    def _pauses(self) -> NDArray[np.bool_]:
        often = self.generator.choice(PAUSE_PROBABILITIES, (STRETCHES, 1))
        return np.asarray(self.generator.random((STRETCHES, STRETCH)) < often).ravel()

    def _built(self) -> Path:
        """The folder with the simulation, built where it is not there yet."""
        wrapper = axi_stream_module(self.project)
        state = hashlib.sha256(f"{self.project.circuit} {wrapper}".encode() + SOURCE.read_bytes())
        folder = build_folder() / "cosim" / f"{axis_name(self.project)}-{state.hexdigest()[:16]}"
        if (folder / "Vtop").exists():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{axis_name(self.project)}.v").write_text(wrapper, encoding="utf-8")
        log = folder / "build.log"
        top = axis_name(self.project)
        control = folder / "visible.vlt"
        ports = ("aclk", "aresetn", *(f"{s}_axis_t{w}" for s in "sm" for w in ("data", "valid", "ready")))
        visible = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
        control.write_text("\n".join(["`verilator_config", *visible, ""]), encoding="utf-8")
        lend_objects(kept_objects(False), folder)
        simulator = runner(False)
        try:
            simulator.build(
                sources=[control, *self.project.sources, SOURCE, folder / f"{top}.v"],
                hdl_toplevel=top,
                build_dir=folder,
                build_args=list(VERILATOR_OPTIONS),
                timescale=("1ns", "1ps"),
                always=True,
                log_file=log,
            )
        except (SystemExit, RuntimeError) as error:
            raise build_failure("Verilator", log) from error
        keep_objects(kept_objects(False), folder)
        return folder

    def _simulate(self, folder: Path, run: Path) -> None:
        from l1forge.testbench.drivers.axi_check import RUN  # only here: it needs cocotb

        simulator = runner(False)
        simulator.build_dir = folder
        try:
            simulator.test(
                test_module="l1forge.testbench.drivers.axi_check",
                hdl_toplevel=axis_name(self.project),
                hdl_toplevel_lang="verilog",
                build_dir=folder,
                test_dir=run,
                results_xml=str(run / "results.xml"),
                extra_env={RUN: str(run), "COCOTB_LOG_LEVEL": "WARNING"},
                log_file=run / "simulation.log",
            )
        except SystemExit:
            return  # the failed assertion is judged outside, by what was left
