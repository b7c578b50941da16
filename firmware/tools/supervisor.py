"""`python -I -S supervisor.py LIFELINE COMMAND...`: a command that does not outlive who asked for it.

The command gets a process group of its own. The whole group ends, first asked, soon killed, when the other
end of the pipe LIFELINE (a file descriptor) closes, as it does when its owner dies in whatever way, and when
the supervisor is told to end. Only the standard library: it starts without site-packages, in milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys

GRACE_S = 1.0
"""Time for a compiler to remove its temporary files."""
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def supervise(lifeline: int, command: list[str]) -> int:
    """Run ``command`` to its end; its exit status, 128 + n for signal n."""
    os.set_inheritable(lifeline, False)
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)  # before the command starts, so that no signal is missed
    for number in (*ENDING, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)
    child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    while not _ended(child):
        ready, _, _ = select.select([awake, lifeline], [], [])
        told = awake in ready and set(os.read(awake, 1024)) & set(ENDING)
        if told or lifeline in ready:
            os.killpg(child, signal.SIGTERM)
            select.select([awake], [], [], GRACE_S)
            break
    os.killpg(child, signal.SIGKILL)  # what the command started and did not wait for
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _ended(child: int) -> bool:
    """Whether the child ended; it stays a zombie, so that its group's number is not given away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
