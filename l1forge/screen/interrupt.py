"""Ctrl-C and termination signals: never lost; a stream ends at the next block, so its output stays valid."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_S = 0.2
EXIT_INTERRUPTED = 130


def keep_interrupts() -> None:
    """Repeat a Ctrl-C that came while compiled code was calling Python.

    ctypes can only report an exception of a callback and go on (LLVM calls back whenever it has compiled
    something), so the KeyboardInterrupt would be lost and the program would run to its end.
    """
    report = sys.unraisablehook
    if getattr(report, "keeps_interrupts", False):
        return  # a process that calls the command line again would put one hook around another

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        timer = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
        timer.daemon = True
        timer.start()

    hook.keeps_interrupts = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook


@contextmanager
def ending_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP inside the block work as Ctrl-C: files in work are removed, child processes ended.

    Exit code 130 becomes 143 and 129. What is ignored from the start (nohup) stays so.
    """
    received = 0

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in before.items() if handler == signal.SIG_DFL}
    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    except SystemExit as end:
        if received and end.code == EXIT_INTERRUPTED:
            raise SystemExit(128 + received) from end
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C was pressed; a second Ctrl-C interrupts at once."""
    pressed = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, previous)
