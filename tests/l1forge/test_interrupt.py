"""Ctrl-C and requests to end arrive, also while compiled code calls Python or a child process works."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.screen.interrupt import keep_interrupts

CODE = """
import ctypes, signal, time
from l1forge.screen.interrupt import keep_interrupts

keep_interrupts()
callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
try:
    callback()
    print("lost at first", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("came again")
"""


def test_an_interrupt_inside_a_callback_is_not_lost():
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=50, check=False
    )
    assert result.stdout.split("\n")[:2] == ["lost at first", "came again"], result.stderr
    assert result.stderr == ""


def test_other_exceptions_of_callbacks_are_still_reported():
    code = CODE.replace("signal.raise_signal(signal.SIGINT)", "1 / 0").replace("time.sleep(60)", "pass")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    assert "ZeroDivisionError" in result.stderr
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
@pytest.mark.parametrize(
    ("command", "tool"), [("synth sum.json --tool vivado", "vivado"), ("cosim sum.json -n 10", "make")]
)
def test_tools_end_with_the_command(
    command: str, tool: str, number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the tool says that it runs and has a child, both of which would hold the pipe open."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / tool
    script.write_text(f"#!/bin/sh\nexec > {tmp_path}/pipe\n(sleep 30; echo alive) & echo up; wait\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    kind = FixedType.parse("uint<12>")
    x = Node("x", "input", (), (2,), kind, {"source": ["jet.et[0]", "jet.et[1]"]})
    Graph("sum", [x, Node("y", "sum", ("x",), (1,), kind, {"accum": str(kind)})], ["y"]).save(
        tmp_path / "sum.json"
    )
    heard = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        [sys.executable, "-m", "l1forge.cli", *command.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, open(heard) as pipe:
        assert select.select([pipe], [], [], 60)[0], process.kill()
        os.set_blocking(heard, True)
        assert pipe.readline() == "up\n"
        process.send_signal(number)
        assert pipe.read() == ""
        _, error = process.communicate()
    assert process.returncode == code, error
    assert "Traceback" not in error


def test_the_hook_is_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: None)
    keep_interrupts()
    first = sys.unraisablehook
    keep_interrupts()
    assert sys.unraisablehook is first
