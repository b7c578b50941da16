"""Trigger control: which level-1 accepts the readout can take, and what each refusal is due to.

Trigger rules: at most n accepts in any m consecutive crossings. Fixed dead time: none in the next d
crossings. De-randomiser: a buffer of ``depth`` events emptied by one event every ``service`` crossings.
All in whole crossings, exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.jit import compiled
from l1forge.emulator.lhc import TRIGGER_RULES

RULES = TRIGGER_RULES
"""What is applied if nothing else is asked for."""

_LONG_AGO = -(1 << 60)
REMEMBERED = 4
"""Accepts that are remembered at least, for rules that begin to hold later."""
LONGEST = 1_000_000_000
"""Crossings of dead time, places and service time that are still taken for meant."""


@compiled
def _decide(
    request: NDArray[np.bool_],
    requests: NDArray[np.int64],
    counted: NDArray[np.bool_],
    first: int,
    rules: NDArray[np.int64],
    depth: int,
    service: int,
    history: NDArray[np.int64],
    finish: NDArray[np.int64],
    accept: NDArray[np.bool_],
    lost: NDArray[np.int64],
    dead: NDArray[np.int64],
) -> None:
    """One block: fills ``accept``, adds to ``lost`` and ``dead`` (reasons; the last one is the buffer).

    ``requests``: where ``request`` is True. ``history`` holds the latest accepted crossings, newest first;
    ``finish[0]`` when the buffer is empty. A request or a dead crossing counts for the first reason that
    applies.
    """
    reasons = rules.shape[0]
    ready = np.empty(reasons + 1, np.int64)  # first crossing at which each reason allows an accept again
    for r in range(reasons):
        ready[r] = history[rules[r, 0] - 1] + rules[r, 1]
    ready[reasons] = finish[0] - (depth - 1) * service if depth > 0 else first
    latest = ready.max()
    i = number = 0
    while i < request.size:
        if first + i < latest:
            reason = 0
            while first + i >= ready[reason]:
                reason += 1
            if counted[i]:
                dead[reason] += 1
            if request[i]:
                lost[reason] += 1
        else:  # open: nothing happens before the next request
            while number < requests.size and requests[number] < i:
                number += 1
            if number == requests.size:
                return
            i = requests[number]
            accept[i] = True
            for k in range(history.size - 1, 0, -1):
                history[k] = history[k - 1]
            history[0] = first + i
            for r in range(reasons):
                ready[r] = history[rules[r, 0] - 1] + rules[r, 1]
            if depth > 0:
                finish[0] = max(finish[0], first + i) + service
                ready[reasons] = finish[0] - (depth - 1) * service
            latest = ready.max()
        i += 1


@dataclass
class Accounts:
    """Requests, accepts, and per reason the requests lost and the crossings that were closed."""

    requests: int
    accepts: int
    live_crossings: int
    """Crossings that count for dead time."""
    lost: dict[str, int]
    dead: dict[str, int]

    @property
    def dead_time(self) -> float:
        """Fraction of the crossings that count in which an accept would have been refused."""
        return sum(self.dead.values()) / self.live_crossings if self.live_crossings else 0.0


class TriggerControl:
    """Applies rules, fixed dead time and buffer to a stream; keeps its state from block to block.

    Parameters
    ----------
    rules : (accepts, crossings) pairs
    dead_time : crossings closed after every accept, 0 for none
    depth, service : buffer places and crossings to read out one event; depth 0 for no buffer
    after : control by other parameters until here, whose accepts these go on to look at

    Raises
    ------
    InputError
        If a number makes no sense.
    """

    def __init__(
        self,
        rules: Sequence[tuple[int, int]] = RULES,
        dead_time: int = 0,
        depth: int = 0,
        service: int = 0,
        *,
        after: TriggerControl | None = None,
    ) -> None:
        for accepts, crossings in rules:
            if accepts < 1 or crossings < accepts:
                raise InputError(
                    "a rule is (accepts, crossings), 1 <= accepts <= crossings",
                    field="trigger rules",
                    value=(accepts, crossings),
                )
        numbers = (dead_time, depth, service)
        if min(numbers) < 0 or max(numbers) > LONGEST or (depth > 0 and service < 1):
            raise InputError(
                "crossings expected", field="dead time, buffer", value=numbers, remedy=f"at most {LONGEST:,}"
            )
        named = [(f"{n} in {m} BX", n, m) for n, m in rules]
        if dead_time:
            named.insert(0, (f"dead time {dead_time} BX", 1, dead_time + 1))
        self.reasons = (*(name for name, _, _ in named), "buffer full")
        self._rules = np.array([(n, m) for _, n, m in named], np.int64).reshape(-1, 2)
        self._depth, self._service = depth, service
        self._history = np.full(max([REMEMBERED, *(n for _, n, _ in named)]), _LONG_AGO, np.int64)
        self._finish = np.full(1, _LONG_AGO, np.int64)
        self._lost = np.zeros(len(self.reasons), np.int64)
        self._dead = np.zeros(len(self.reasons), np.int64)
        self._requests = self._accepts = self._crossings = 0
        self._next = 0
        if after is not None:
            kept = min(self._history.size, after._history.size)
            self._history[:kept] = after._history[:kept]
            self._finish[:], self._next = after._finish, after._next

    def __call__(
        self, request: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        """Accepts, shape (n,), of the next n crossings.

        ``counted`` marks the crossings that enter the dead time (default: all; usually the colliding ones).
        """
        request = np.ascontiguousarray(request, bool)
        live = np.ones(request.size, bool) if counted is None else np.ascontiguousarray(counted, bool)
        accept = np.zeros(request.size, bool)
        _decide(
            request,
            np.flatnonzero(request),
            live,
            self._next,
            self._rules,
            self._depth,
            self._service,
            self._history,
            self._finish,
            accept,
            self._lost,
            self._dead,
        )
        self._next += request.size
        self._requests += int(np.count_nonzero(request))
        self._accepts += int(np.count_nonzero(accept))
        self._crossings += int(np.count_nonzero(live))
        return accept

    @property
    def accounts(self) -> Accounts:
        """Everything counted so far."""
        return Accounts(
            self._requests,
            self._accepts,
            self._crossings,
            dict(zip(self.reasons, self._lost.tolist(), strict=True)),
            dict(zip(self.reasons, self._dead.tolist(), strict=True)),
        )
