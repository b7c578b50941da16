"""Pieces of work in several processes, which end with this one and stop at once when it is interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import FrameType
from typing import Any

GRACE_S = 0.5
"""Time for a piece in work to remove its temporary file."""


class _Stop(BaseException):
    """Ends a piece in work."""


_working = False


def parallel(
    function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], jobs: int
) -> Iterator[tuple[int, Any]]:
    """Call ``function(*task)`` in ``jobs`` processes; yields (number of the task, result) as they finish.

    An exception, also one of the caller (Ctrl-C) or the end of its interest, drops the pieces in work: what
    they had finished and written stays. With one job or one task everything runs in this process.
    """
    tasks = list(tasks)
    if jobs == 1 or len(tasks) < 2:
        for number, task in enumerate(tasks):
            yield number, function(*task)
        return
    # spawned, not forked: a fork would copy Pythia's and Numba's threads and locks
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker) as executor:
        # workers inherit the mask: Ctrl-C is for this process, which tells them
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            numbers = {executor.submit(_work, function, task): i for i, task in enumerate(tasks)}
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            for future in as_completed(numbers):
                yield numbers[future], future.result()
        except BaseException:
            _end_workers()
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _end_workers() -> None:
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + GRACE_S
    for worker in workers:
        worker.join(max(end - time.monotonic(), 0))
        worker.kill()


def _work(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    global _working
    try:
        _working = True
        return function(*task)
    except _Stop:
        os._exit(1)
    finally:
        _working = False


def _start_worker() -> None:
    signal.signal(signal.SIGTERM, _on_end)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _on_end(number: int, frame: FrameType | None) -> None:
    if _working:
        raise _Stop  # files in work are removed on its way
    os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
