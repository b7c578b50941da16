"""Runs a path under cocotb and brings what it observed back; one simulator process for each run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.path.generate import PathProject
from l1forge.testbench.drivers.build import runner, verilate
from l1forge.testbench.drivers.packed_top import SHELL, packed
from l1forge.testbench.drivers.packing import pack, unpack
from l1forge.testbench.path.harness import Observed
from l1forge.testbench.path.register_model import Access


class PathCocotb:
    """As ``PathHarness``, driven by cocotb and cocotbext-axi; every run begins with a reset."""

    def __init__(self, project: PathProject) -> None:
        self.project, self.simulation = project, verilate(project.rtl)
        self.inputs, self.outputs = packed(project.rtl.inputs), packed(project.rtl.outputs)

    def close(self) -> None:
        """Nothing is left open."""

    def run(
        self,
        rows: NDArray[np.int64],
        valid: NDArray[np.bool_],
        reset: NDArray[np.bool_],
        accesses: Sequence[Access] = (),
    ) -> Observed:
        """Drive rows (n, ports without the bus), one each clock.

        Raises
        ------
        InputError
            If the simulator leaves no result.
        """
        run = Path(tempfile.mkdtemp(dir=self.simulation.folder, prefix="run-"))
        try:
            np.savez(
                run / "stimulus.npz",
                words=pack(rows, self.inputs),
                flags=valid.astype(np.uint8) | reset.astype(np.uint8) << 1,
                when=np.array([(a.clock, a.until) for a in accesses], np.int64).reshape(-1, 2),
                asked=np.array(
                    [(a.address << 1 | (a.data is not None), a.data or 0) for a in accesses], np.int64
                ).reshape(-1, 2),
                latency=self.project.latency,
                bus_address=self.project.registers.by_name["dead_time"].address,
                bus_values=np.array([3, 11]),
            )
            log = run / "simulation.log"
            self._simulate(run, log)
            if not (run / "result.npz").exists():
                tail = " | ".join(log.read_text().splitlines()[-5:]) if log.exists() else "no log"
                raise InputError(f"cocotb left no result: {tail}", file=self.simulation.folder)
            with np.load(run / "result.npz") as result:
                words, came, taken = result["words"], result["valid"], result["taken"].tolist()
                begun = [accesses[place] for place in result["begun"].tolist()]
                faults = tuple(result["faults"].tolist())
                answers = tuple((int(word), int(response)) for word, response in result["answers"])
        finally:
            shutil.rmtree(run, ignore_errors=True)
        finished = begun[: min(len(answers), len(taken))]
        log_ = tuple(Access(taken[i], access.address, access.data) for i, access in enumerate(finished))
        skipped = len(accesses) - len(begun)
        outputs = unpack(words, self.outputs)
        return Observed(outputs, came.astype(bool), log_, answers[: len(finished)], skipped, faults)

    def _simulate(self, run: Path, log: Path) -> None:
        from l1forge.testbench.drivers.cocotb_check import RUN  # only here: it needs cocotb

        simulator = runner(self.simulation.waves)
        simulator.build_dir = self.simulation.folder
        try:
            simulator.test(
                test_module="l1forge.testbench.path.cocotb_path",
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
            # a failed assertion inside the simulator; what it left is judged outside
            return
