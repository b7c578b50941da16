"""Elementwise functions and division by tables, whose error is said and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.torch import convert_torch

from .against import Function, of_torch

pytestmark = pytest.mark.usefixtures("quiet_frameworks")

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "exp": (torch.exp, "layer exp: exp by a table of 128 entries, in ufixed<18,12>, at most 7.7e-03 off"),
    "log": (lambda x: torch.log(x.abs() + 1), "layer log: log by a table of"),
    "sqrt": (lambda x: torch.sqrt(torch.relu(x)), "layer sqrt: sqrt by a table of"),
    "reciprocal": (lambda x: 1 / (x.abs() + 0.5), "layer truediv: reciprocal by a table of"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_error_that_is_said_is_kept(name: str, tmp_path: Path) -> None:
    function, note = FUNCTIONS[name]
    found = of_torch(Function(function), (5,), tmp_path, compiled=name == "log")
    assert found.notes[0].startswith(note)
    said = float(found.notes[0].split("at most ")[1].split()[0])
    assert 0 < found.difference <= said * 1.05  # two digits are said


def test_division(tmp_path: Path) -> None:
    found = of_torch(Function(lambda x: x[:, :3] / (x[:, 3:].abs() + 1)), (6,), tmp_path, compiled=False)
    assert found.difference < 2.0**-10 + 8 * 2.0**-18


def test_types_of_a_table_can_be_chosen(tmp_path: Path) -> None:
    types = {"exp_input": {"result": "fixed<6,3,RND,SAT>"}, "exp": {"result": "ufixed<12,4,RND,SAT>"}}
    network = Function(lambda x: torch.exp(x * x))
    found = of_torch(network, (4,), tmp_path, "fixed<5,2>", precision=types, compiled=False)
    assert found.notes[0].startswith(
        "layer exp: exp by a table of 64 entries, in ufixed<12,4,RND,SAT>, at most"
    )
    assert "its input is rounded to fixed<6,3,RND,SAT> before" in found.notes[0]


def test_tables_have_an_end(tmp_path: Path) -> None:
    network = Function(lambda x: torch.exp(x * x))
    types = {"exp_input": {"result": "fixed<20,8>"}}
    with pytest.raises(InputError, match=r"layer exp: a table of 2\^20 entries is too large.*at most 16"):
        convert_torch(network, (4,), "net", tmp_path, "fixed<7,4>", types)
