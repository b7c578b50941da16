"""Ctrl-C arrives, also while compiled code calls Python."""

import signal
import subprocess
import sys

CODE = """
import ctypes, signal, time
from l1forge.interrupt import keep_interrupts

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
