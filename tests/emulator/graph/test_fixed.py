"""Casts: literal expected values for every mode, and all small types against the ap_fixed headers."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, cast, overflow, round_shift

QUARTERS = [-10, -6, -2, 2, 6, 10, -5, 5, 7, -7]  # -2.5 -1.5 -0.5 0.5 1.5 2.5 -1.25 1.25 1.75 -1.75

ROUNDED = {
    "TRN": [-3, -2, -1, 0, 1, 2, -2, 1, 1, -2],
    "TRN_ZERO": [-2, -1, 0, 0, 1, 2, -1, 1, 1, -1],
    "RND": [-2, -1, 0, 1, 2, 3, -1, 1, 2, -2],
    "RND_ZERO": [-2, -1, 0, 0, 1, 2, -1, 1, 2, -2],
    "RND_INF": [-3, -2, -1, 1, 2, 3, -1, 1, 2, -2],
    "RND_MIN_INF": [-3, -2, -1, 0, 1, 2, -1, 1, 2, -2],
    "RND_CONV": [-2, -2, 0, 0, 2, 2, -1, 1, 2, -2],
}


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_literal(mode: Rounding) -> None:
    assert round_shift(np.array(QUARTERS), 2, mode).tolist() == ROUNDED[mode.value]


@pytest.mark.parametrize("mode", list(Rounding))
def test_left_shift_is_exact(mode: Rounding) -> None:
    assert round_shift(np.array([-3, 5]), -2, mode).tolist() == [-12, 20]


SIGNED = [-9, -8, -7, 7, 8, 9, 15, 16, -16, -17]
SIGNED_RESULT = {
    "fixed<4,4>": [7, -8, -7, 7, -8, -7, -1, 0, 0, -1],
    "fixed<4,4,TRN,SAT>": [-8, -8, -7, 7, 7, 7, 7, 7, -8, -8],
    "fixed<4,4,TRN,SAT_SYM>": [-7, -7, -7, 7, 7, 7, 7, 7, -7, -7],
    "fixed<4,4,TRN,SAT_ZERO>": [0, -8, -7, 7, 0, 0, 0, 0, 0, 0],
    "fixed<4,4,TRN,WRAP,1>": [-1, -8, -7, 7, 0, 1, 7, 0, -8, -1],
    "fixed<4,4,TRN,WRAP,2>": [-5, -8, -7, 7, 4, 5, 7, 4, -8, -5],
    "fixed<4,4,TRN,WRAP_SM>": [-8, -8, -7, 7, 7, 6, 0, -1, -1, 0],
}
UNSIGNED = [-1, 16, 17, 15, 20]
UNSIGNED_RESULT = {
    "ufixed<4,4>": [15, 0, 1, 15, 4],
    "ufixed<4,4,TRN,SAT>": [0, 15, 15, 15, 15],
    "ufixed<4,4,TRN,SAT_SYM>": [0, 15, 15, 15, 15],
    "ufixed<4,4,TRN,SAT_ZERO>": [0, 0, 0, 15, 0],
    "ufixed<4,4,TRN,WRAP,2>": [15, 12, 13, 15, 12],
}


@pytest.mark.parametrize("text", SIGNED_RESULT)
def test_signed_overflow_literal(text: str) -> None:
    assert overflow(np.array(SIGNED), FixedType.parse(text)).tolist() == SIGNED_RESULT[text]


@pytest.mark.parametrize("text", UNSIGNED_RESULT)
def test_unsigned_overflow_literal(text: str) -> None:
    assert overflow(np.array(UNSIGNED), FixedType.parse(text)).tolist() == UNSIGNED_RESULT[text]


def test_wide_integers_are_exact() -> None:
    value = np.array([(1 << 100) + 1], dtype=object)
    assert cast(value, 50, FixedType(120, 60)).tolist() == [((1 << 100) + 1) << 10]


@pytest.mark.parametrize("text", ["fixed<8,3>", "ufixed<6,-2,RND_CONV,SAT>", "fixed<9,9,RND,WRAP,2>"])
def test_text_round_trip(text: str) -> None:
    assert str(FixedType.parse(text)) == text
    assert FixedType.parse(text.replace("fixed", "ap_fixed").replace("uap_", "ap_u")) == FixedType.parse(text)


@pytest.mark.parametrize(
    "text", ["fixed<0,0>", "fixed<300,3>", "float", "fixed<8,3,UP>", "ufixed<4,4,TRN,WRAP_SM>", "int<x>"]
)
def test_bad_type_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="fixed-point type"):
        FixedType.parse(text)


def _cpp(kind: FixedType) -> str:
    modes = f",AP_{kind.rounding},AP_{kind.overflow},{kind.saturation_bits}"
    return f"ap_{'' if kind.signed else 'u'}fixed<{kind.width},{kind.integer}{modes}>"


def _targets() -> list[FixedType]:
    """Every mode of a few small types, with every legal number of saturation bits."""
    targets = []
    for (width, integer), signed, rounding in itertools.product(
        [(1, 1), (3, 2), (2, 4)], (True, False), Rounding
    ):
        for mode in Overflow:
            if mode is Overflow.WRAP_SM and not signed:
                continue
            with_bits = mode in (Overflow.WRAP, Overflow.WRAP_SM)
            for bits in range(width + 1 if with_bits else 1):
                targets.append(FixedType(width, integer, signed, rounding, mode, bits))
    return targets


def test_all_modes_against_the_ap_fixed_headers(tmp_path: Path) -> None:
    """Every value of a signed source is cast to every mode by the headers that hls4ml ships."""
    import hls4ml

    source = FixedType(6, 3)
    targets = _targets()
    calls = "".join(f"  all<{_cpp(kind)}>();\n" for kind in targets)
    (tmp_path / "casts.cpp").write_text(
        f"""#include "ap_fixed.h"
#include <cstdio>
template <class T> void all() {{
  for (int k = 0; k < 64; k++) {{
    {_cpp(source)} s; s.range() = k; T t = s;
    std::printf("%u ", (unsigned)t.range().to_uint());
  }}
  std::printf("\\n");
}}
int main() {{
{calls}}}
""",
        encoding="utf-8",
    )
    headers = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
    command = ["g++", "-O0", "-w", "-std=c++17", f"-I{headers}", "casts.cpp", "-o", "casts"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = subprocess.run(
        [tmp_path / "casts"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(lines) == len(targets)
    raw = np.arange(64)
    values = np.where(raw < 32, raw, raw - 64)
    for kind, line in zip(targets, lines, strict=True):
        ours = cast(values, source.fraction, kind) & ((1 << kind.width) - 1)
        assert ours.tolist() == [int(word) for word in line.split()], str(kind)
