"""Trigger control: rules checked by their definition, exact counts for a seed, published accept fractions."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import LHC
from l1forge.emulator.path.trigger_control import RULES, TriggerControl


def literal(
    request: np.ndarray, rules: tuple[tuple[int, int], ...], dead: int, depth: int, service: int
) -> np.ndarray:
    """Accept unless a rule's window, counted crossing by crossing, would hold too many accepts."""
    accept = np.zeros(request.size, bool)
    queue: list[int] = []  # crossings at which the buffered events are read out
    for t in range(request.size):
        queue = [end for end in queue if end > t]
        full = depth > 0 and len(queue) >= depth
        closed = accept[max(t - dead, 0) : t].any() if dead else False
        broken = any(accept[max(t - m + 1, 0) : t].sum() >= n for n, m in rules)
        if request[t] and not (full or closed or broken):
            accept[t] = True
            queue.append((queue[-1] if queue else t) + service)
    return accept


@pytest.mark.parametrize(
    ("rules", "dead", "depth", "service"),
    [(RULES, 0, 0, 0), ((), 0, 0, 0), ((), 5, 0, 0), ((), 0, 3, 17), (RULES, 4, 2, 90), (((2, 7),), 0, 1, 3)],
)
def test_agrees_with_the_definition(
    rules: tuple[tuple[int, int], ...], dead: int, depth: int, service: int
) -> None:
    rng = np.random.default_rng(3)
    request = rng.random(6000) < np.repeat(rng.random(60) * 0.3, 100)
    control = TriggerControl(rules, dead, depth, service)
    accept = np.concatenate([control(part) for part in np.split(request, [1, 2, 500, 4321])])
    np.testing.assert_array_equal(accept, literal(request, rules, dead, depth, service))
    accounts = control.accounts
    assert accounts.requests == accounts.accepts + sum(accounts.lost.values())
    assert accounts.accepts == accept.sum()
    if rules or dead or depth:
        assert 0 < accounts.dead_time < 1


def test_dead_time_is_the_crossings_in_which_an_accept_would_be_refused() -> None:
    control = TriggerControl(((1, 3), (2, 25)))
    request = np.zeros(100, bool)
    request[[10, 20, 22, 60]] = True  # 22 is refused by the first rule
    counted = np.ones(100, bool)
    counted[11] = False
    control(request, counted)
    accounts = control.accounts
    assert accounts.lost == {"1 in 3 BX": 1, "2 in 25 BX": 0, "buffer full": 0}
    # 12; 21, 22; 61, 62; and 23 .. 34, the second accept being within 25 BX of the first
    assert accounts.dead == {"1 in 3 BX": 5, "2 in 25 BX": 12, "buffer full": 0}
    assert accounts.live_crossings == 99


@pytest.mark.parametrize(
    ("rate", "requests", "accepts", "per_mille"),
    [
        (50, 8_793, 8_754, 997),
        (100, 17_602, 17_400, 990),
        (150, 26_471, 25_839, 975),
        (300, 53_060, 47_985, 902),
        (750, 132_325, 82_257, 618),
    ],
)
def test_accept_fractions_of_random_triggers(rate: int, requests: int, accepts: int, per_mille: int) -> None:
    """Random triggers in the colliding crossings of 2000 orbits; published fractions within 5 per mille."""
    rng = np.random.default_rng(2024)
    control = TriggerControl()
    colliding = np.tile(LHC.colliding, 100)
    for _ in range(20):
        control((rng.random(colliding.size) < rate * 1e3 / LHC.collision_rate) & colliding, colliding)
    accounts = control.accounts
    assert (accounts.requests, accounts.accepts) == (requests, accepts)
    assert abs(1000 * accounts.accepts - per_mille * accounts.requests) < 5 * accounts.requests


@pytest.mark.parametrize(
    "arguments", [{"rules": ((0, 3),)}, {"rules": ((5, 3),)}, {"dead_time": -1}, {"depth": 3, "service": 0}]
)
def test_numbers_that_make_no_sense(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError):
        TriggerControl(**arguments)
