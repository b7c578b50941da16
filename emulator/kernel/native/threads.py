"""One pool of threads for all kernels: starting threads takes as long as scoring ten thousand crossings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def _forget() -> None:
    """Threads do not survive a fork."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget)


def run_together(work: Callable[[int], int], count: int) -> list[int]:
    """``[work(0), ..., work(count - 1)]``, each in a thread of its own, the first in the caller's."""
    if count == 1:
        return [work(0)]
    with _lock:
        if count not in _pools:
            _pools[count] = ThreadPoolExecutor(count - 1, thread_name_prefix="l1forge")
        others = [_pools[count].submit(work, i) for i in range(1, count)]
    try:
        first = work(0)
    finally:
        wait(others)  # they use the caller's memory
    return [first, *(other.result() for other in others)]
