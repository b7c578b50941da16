"""Runs a network's C++ in a process of its own: generated code that crashes or hangs ends only itself."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.fuzz.harness import Built, run

TIMEOUT = 60.0
"""Seconds that a small network may take for its events."""
PR_SET_PDEATHSIG = 1


class Died(Exception):
    """The C++ did not come to an end; the text says how."""


def run_apart(
    library: Path, built: Built, inputs: Sequence[NDArray[np.int64]], timeout: float = TIMEOUT
) -> list[NDArray[np.int64]]:
    """As ``harness.run``, in a child process.

    Raises
    ------
    Died
        If the C++ crashes or takes longer than ``timeout`` seconds.
    """
    answer = library.parent / f"{built.name}.npz"
    parent, child = os.getpid(), os.fork()
    if not child:
        status = 1
        faulthandler.disable()  # the parent tells of it
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a hanging network must not stay alone
            if os.getppid() != parent:
                os._exit(status)
            results = run(ctypes.CDLL(str(library)), built, inputs)
            np.savez(answer, *results)
            status = 0
        finally:
            os._exit(status)
    try:
        status = _wait(child, timeout)
    except BaseException:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        raise
    if status:
        raise Died(f"its C++ ended with status {status}")
    with np.load(answer) as held:
        return [held[name] for name in held.files]


def _wait(child: int, timeout: float) -> int:
    """Exit status of the child, negative for a signal.

    Raises
    ------
    Died
        If it takes too long.
    """
    end = time.monotonic() + timeout
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    raise Died(f"its C++ was still running after {timeout:g} s")
