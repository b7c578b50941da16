"""The factor of routing: learnt, its error from other kinds of designs; what passes into a carry chain."""

from __future__ import annotations

import pytest

from l1forge.firmware.synth.carry_inputs import passed_through
from l1forge.firmware.synth.routing import calibration, routing_of


def row(number: int, kind: str, cells: float, routed: list[float]) -> dict[str, object]:
    return {
        "number": number,
        "circuit": str(number),
        "kind": kind,
        "cells_only_ns": cells,
        "routed_ns": routed,
        "ecp5_cells_ns": [value / 4 for value in routed],
    }


def test_factor_share_and_errors() -> None:
    found = routing_of(
        "LFE5U-25F-8",
        [
            row(0, "a", 1.0, [2.0]),
            row(1, "a", 2.0, [4.0]),
            row(2, "a", 1.0, [2.0, 3.0, 2.5]),
            row(3, "b", 2.0, [6.0, 6.0]),
        ],
    )
    assert found.factor == 2.25
    assert found.share == 0.75
    assert found.estimate(4.0) == 9.0
    # a is estimated with b's 3.0, b with a's 2.0
    assert found.errors().tolist() == pytest.approx([0.5, 0.5, 3.0 / 2.5 - 1, 4.0 / 6.0 - 1])
    assert found.median_error == pytest.approx((0.5 + 1 / 3) / 2)
    assert found.placement_spread == 0.0


def test_what_comes_with_l1forge() -> None:
    found = calibration()
    assert len(found.kinds) >= 15
    assert len(set(found.kinds)) == 3
    assert 1.5 < found.factor < 2.6
    assert found.largest_error < 0.4
    assert (found.routed > found.own_cells).all()


def test_propagate_inputs_without_a_table_are_counted() -> None:
    cells = {
        "lut": {"type": "LUT2", "connections": {"O": [5], "I0": [2], "I1": [3]}},
        "carry": {"type": "CARRY4", "connections": {"S": [5, 2, "0", 3], "CO": [7, 8, 9, 10]}},
        "wide": {"type": "CARRY8", "connections": {"S": [3, 5]}},
        "ff": {"type": "FDRE", "connections": {"Q": [2]}},
    }
    assert passed_through({"modules": {"top": {"cells": cells}}}, "top") == 3
