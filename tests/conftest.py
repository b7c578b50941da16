"""What holds for all tests."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell starts jobs in the background with interrupts ignored, and the tests of Ctrl-C inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
