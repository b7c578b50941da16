"""Pins of look-up tables: the same function, and the latest signal on the fastest pin."""

import copy

import numpy as np

from l1forge.firmware.synth.lut_pins import choose_pins, timing_arcs

LIBRARY = """
module LUT3(output O, input I0, I1, I2);
  specify
    (I0 => O) = 407;
    (I1 => O) = 238;
    (I2 => O) = 127;
  endspecify
endmodule
module SLOW(output [1:0] O, input [1:0] A);
  specify
    (A[0] => O[0]) = 100;
    (A[1] => O[1]) = 900;
  endspecify
endmodule
module FDRE(output Q, input C, D);
  specify
    (posedge C => (Q : D)) = 303;
  endspecify
endmodule
"""


def lut(init: str, inputs: list[int], output: int) -> dict:
    pins = {f"I{i}": [bit] for i, bit in enumerate(inputs)}
    directions = {**dict.fromkeys(pins, "input"), "O": "output"}
    return {
        "type": "LUT3",
        "parameters": {"INIT": init},
        "port_directions": directions,
        "connections": {**pins, "O": [output]},
    }


def other(kind: str, inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> dict:
    directions = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")}
    return {
        "type": kind,
        "parameters": {},
        "port_directions": directions,
        "connections": inputs | outputs,
    }


def design(init: str) -> dict:
    cells = {
        "table": lut(init, [21, 10, 20], 30),
        "after": lut("10010110", [30, 10, 11], 31),
        "slow": other("SLOW", {"A": [10, 11]}, {"O": [20, 21]}),
        "register": other("FDRE", {"C": [1], "D": [31]}, {"Q": [10]}),
    }
    return {"modules": {"top": {"cells": cells}}}


def value(cell: dict, signals: dict[int, int]) -> int:
    index = sum(signals[cell["connections"][f"I{i}"][0]] << i for i in range(3))
    return int(cell["parameters"]["INIT"][::-1][index])


def test_same_function_faster_pins() -> None:
    arcs = timing_arcs(LIBRARY)
    assert arcs["SLOW"]["O", 1] == [("A", 1, 900)]
    assert arcs["FDRE"]["Q", 0] == [("", 0, 303)]
    generator = np.random.default_rng(1)
    for _ in range(20):
        before = design("".join(map(str, generator.integers(0, 2, 8))))
        after = copy.deepcopy(before)
        assert choose_pins(after, "top", arcs) == 2
        cells = after["modules"]["top"]["cells"]
        # arrivals: 10 at 303, 11 at 0, 20 at 403, 21 at 900, 30 behind all of them
        assert [cells["table"]["connections"][f"I{i}"] for i in range(3)] == [[10], [20], [21]]
        assert [cells["after"]["connections"][f"I{i}"] for i in range(3)] == [[11], [10], [30]]
        for bits in range(16):
            signals = {bit: bits >> i & 1 for i, bit in enumerate((10, 11, 20, 21))} | {30: bits & 1}
            for name in ("table", "after"):
                expected = value(before["modules"]["top"]["cells"][name], signals)
                assert value(cells[name], signals) == expected
        assert choose_pins(after, "top", arcs) == 0
