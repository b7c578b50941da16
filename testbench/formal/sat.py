"""One question to Yosys' SAT solver: can two descriptions of the same outputs differ?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.synth import passes

PROVEN, DIFFERS, OPEN = "proven", "differs", "no answer in time"
FAILS, LATE = "proof did fail", "proof did time out"


@dataclass(frozen=True)
class Proof:
    """The answer on one piece: ``method`` says for which inputs and states it holds."""

    name: str
    verdict: str
    method: str
    seconds: float
    example: str = ""
    """Of one that differs: values that show it."""

    @property
    def proven(self) -> bool:
        return self.verdict == PROVEN


def ask(name: str, method: str, script: str, folder: Path) -> Proof:
    """Run a script that ends in ``sat -verify``.

    Raises
    ------
    InputError
        If Yosys ends for another reason than a counterexample or its limit of time.
    """
    start = time.perf_counter()
    verdict, example = PROVEN, ""
    try:
        passes.run("formal", script, folder)
    except InputError as error:
        if FAILS in str(error):
            verdict, example = DIFFERS, _example(folder / "formal.log", str(error))
        elif LATE in str(error):
            verdict = OPEN
        else:
            raise
    return Proof(name, verdict, method, time.perf_counter() - start, example)


def _example(log: Path, message: str) -> str:
    """Inputs of the counterexample that are not zero, from the solver's table."""
    text = log.read_text(encoding="utf-8") if log.exists() else message
    rows = [line.split() for line in text.splitlines() if line.lstrip().startswith("\\")]
    shown = [f"{row[0][1:]} = {row[-3]}" for row in rows if len(row) >= 4 and row[-3] not in ("0", "--")]
    return ", ".join(shown[:8])
