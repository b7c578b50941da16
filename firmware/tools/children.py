"""Programs run as child processes that end with this process, and with them all that they started.

Compilers, Yosys and simulators run for minutes and start processes of their own; a Ctrl-C, a SIGTERM or the
sudden death of this process must leave none of them behind. See firmware/tools/supervisor.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from l1forge.firmware.tools import supervisor

Output = int | IO[str] | None


@cache
def _lifeline() -> int:
    """Read end of a pipe whose write end nobody else has: it closes when this process is gone."""
    read, _ = os.pipe()
    return read


class Child(subprocess.Popen[str]):
    """A running ``command``, text in and out; leaving the ``with`` block by an exception ends it.

    Parameters
    ----------
    command : program and arguments
    cwd : folder to run in
    env : environment, default this process's
    stdin : nothing to read, if not given
    stdout, stderr : as for ``subprocess.Popen``

    Raises
    ------
    FileNotFoundError
        If there is no such program.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Output = subprocess.DEVNULL,
        stdout: Output = None,
        stderr: Output = None,
    ) -> None:
        path = (os.environ if env is None else env).get("PATH", os.defpath)
        if shutil.which(Path(cwd or "", command[0]) if "/" in command[0] else command[0], path=path) is None:
            raise FileNotFoundError(f"no program {command[0]}")
        super().__init__(
            [sys.executable, "-I", "-S", supervisor.__file__, str(_lifeline()), *command],
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            pass_fds=(_lifeline(),),
            process_group=0,  # Ctrl-C comes to this process, which decides
        )

    def end(self) -> None:
        """End the command and what it started, now."""
        self.terminate()  # never kill(): the supervisor could not end the others
        self.wait()

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if kind is not None:
            self.end()
        super().__exit__(None, None, None)


def run(
    command: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: Output = subprocess.PIPE,
    stderr: Output = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` to its end; its output is captured unless it is to go elsewhere.

    Raises
    ------
    FileNotFoundError
        If there is no such program.
    """
    with Child(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr) as child:
        out, err = child.communicate()
    return subprocess.CompletedProcess(list(command), child.returncode, out, err)
