"""Child processes end with their owner, however it ends, and so does what they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from l1forge.firmware.tools import children
from l1forge.firmware.tools.children import Child

TWO = ["sh", "-c", "(sleep 20; echo alive) & echo up; wait"]
"""A command and a process of its own that would be heard of."""
OWNER = f"from l1forge.firmware.tools import children; children.run({TWO!r}, stdout=None, stderr=None)"


def test_output_and_status(tmp_path: Path) -> None:
    done = children.run(["sh", "-c", "pwd; echo $WHO >&2; exit 3"], cwd=tmp_path, env={"WHO": "me"})
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path.resolve()}\n", "me\n")
    assert children.run(["sh", "-c", "kill -9 $$"]).returncode == 128 + 9
    with pytest.raises(FileNotFoundError, match="no program frobnicate"):
        children.run(["frobnicate"])


def test_input_ends_where_none_is_given() -> None:
    assert children.run(["cat"]).stdout == ""
    with Child(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.communicate("said\n")[0] == "said\n"


def fail_beside(command: list[str], error: type[BaseException]) -> tuple[int, str]:
    """Status of a command whose owner raises ``error``, and what is heard of it from then on."""
    rest = None
    try:
        with Child(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "up\n"
            rest = os.dup(child.stdout.fileno())
            raise error
    except error:
        assert rest is not None
        with open(rest) as heard:
            return child.returncode, heard.read()  # all there is, as nobody is left who could write


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_ends_the_command_and_its_children(error: type[BaseException]) -> None:
    assert fail_beside(TWO, error) == (128 + signal.SIGTERM, "")


def test_a_command_that_will_not_end_is_killed() -> None:
    stubborn = "trap '' TERM; echo up; while :; do sleep 20; echo alive; done"
    assert fail_beside(["sh", "-c", stubborn], ValueError) == (128 + signal.SIGKILL, "")


def test_what_a_command_leaves_behind_ends_with_it() -> None:
    done = children.run(["sh", "-c", "(sleep 20; echo alive) & exit 5"])
    assert (done.returncode, done.stdout) == (5, "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_owner_takes_all_with_it(number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        owner.send_signal(number)
        assert owner.stdout.read() == ""
