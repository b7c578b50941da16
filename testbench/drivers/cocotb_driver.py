"""Runs the cocotb testbench through cocotb's runner and brings its result back as a ``Stream``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.testbench.drivers.build import Simulation, runner
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Stream, Toggles
from l1forge.testbench.drivers.packed_top import SHELL
from l1forge.testbench.drivers.packing import pack, unpack, words_of

NOISE_WORDS = 256


class CocotbDriver:
    """The simulation driven by cocotb, one simulator process per stream; ``seed`` fixes gaps and noise.

    With ``waves`` the last stream's waveform is left there (VCD); the simulation must be built for it.
    """

    def __init__(self, simulation: Simulation, seed: int = 1, waves: Path | None = None) -> None:
        self.simulation, self.waves = simulation, waves
        self.generator = np.random.default_rng(seed)

    def stream(self, inputs: NDArray[np.int64], *, watch: bool = False) -> Stream:
        """Send events (n, input ports). ``watch`` is ignored: toggles are counted by the compiled harness.

        Raises
        ------
        InputError
            If the simulator leaves no result.
        """
        project, folder = self.simulation.project, self.simulation.folder
        run = Path(tempfile.mkdtemp(dir=folder, prefix="run-"))
        try:
            noise = self.generator.integers(
                0, 1 << 32, (NOISE_WORDS, words_of(project.inputs)), dtype=np.uint32
            )
            gaps = self.generator.geometric(1 - GAP_PROBABILITY, 1 << 12) - 1
            np.savez(
                run / "stimulus.npz",
                events=pack(inputs, project.inputs),
                noise=noise,
                gaps=gaps,
                latency=project.latency,
            )
            log = run / "simulation.log"
            self._simulate(run, log)
            if not (run / "result.npz").exists():
                tail = " | ".join(log.read_text().splitlines()[-5:]) if log.exists() else "no log"
                raise InputError(f"cocotb left no result: {tail}", file=folder)
            if self.waves is not None:
                self.waves.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(self.waves) as whole:  # it may be another disk
                    shutil.move(run / "dump.vcd", whole)
            with np.load(run / "result.npz") as result:
                words, (clocks, seen, misplaced) = result["words"], (int(n) for n in result["counts"])
        finally:
            shutil.rmtree(run, ignore_errors=True)
        outputs = np.zeros((len(inputs), len(project.outputs)), np.int64)
        kept = min(len(words), len(inputs))
        outputs[:kept] = unpack(words[:kept], project.outputs)
        return Stream(outputs, seen, clocks, misplaced)

    def _simulate(self, run: Path, log: Path) -> None:
        from l1forge.testbench.drivers.cocotb_check import RUN  # only here: it needs cocotb

        simulator = runner(self.simulation.waves)
        simulator.build_dir = self.simulation.folder
        try:
            simulator.test(
                test_module="l1forge.testbench.drivers.cocotb_check",
                hdl_toplevel=SHELL,
                hdl_toplevel_lang="verilog",
                build_dir=self.simulation.folder,
                test_dir=run,
                results_xml=str(run / "results.xml"),
                extra_env={RUN: str(run), "COCOTB_LOG_LEVEL": "WARNING"},
                waves=self.simulation.waves,
                log_file=log,
            )
        except SystemExit:
            # a failed assertion inside the simulator; result.npz tells what was wrong and is judged outside
            return

    def toggles(self) -> list[Toggles]:
        return []
