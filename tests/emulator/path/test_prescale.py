"""Prescales: the exact counter, masks and vetoes against a literal implementation, and refused settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.path.prescale import Prescaler, PrescaleSettings, factor
from l1forge.emulator.path.prescale_columns import load_settings


def bits(rng: np.random.Generator, n: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    flags = rng.random((n, 512)) < density
    return np.packbits(flags, axis=1, bitorder="little").view("<u8").T.copy(), flags


def test_words_and_bits_agree_with_a_literal_implementation() -> None:
    rng = np.random.default_rng(1)
    n = 3000
    words, flags = bits(rng, n, 0.2)
    factors = rng.choice([0, 100, 101, 150, 250, 333, 10_000, (1 << 32) - 1], 512).astype(np.int64)
    settings = PrescaleSettings(
        factors, rng.random(512) < 0.01, rng.random(512) < 0.003, rng.random((512, 3564)) < 0.3
    )
    bx = (np.arange(n) % 3564).astype(np.int16)
    prescaler = Prescaler(settings)
    parts = [prescaler(words[:, a:b], bx[a:b]) for a, b in ((0, 7), (7, 2000), (2000, n))]
    fired = np.concatenate([part[0] for part in parts], axis=1)
    final = np.concatenate([part[1] for part in parts])

    counter = [0] * 512
    before, after = np.zeros(512, int), np.zeros(512, int)
    for i in range(n):
        passed = np.zeros(512, bool)
        for a in np.flatnonzero(flags[i] & ~settings.closed[:, bx[i]]):
            before[a] += 1
            if factors[a] == 0:
                continue
            if counter[a] + 100 >= factors[a]:
                counter[a] += 100 - int(factors[a])
                passed[a] = True
                after[a] += 1
            else:
                counter[a] += 100
        got = np.unpackbits(fired[:, i].copy().view(np.uint8), bitorder="little").astype(bool)
        np.testing.assert_array_equal(got, passed)
        assert final[i] == ((passed & settings.finor).any() and not (passed & settings.veto).any())
    np.testing.assert_array_equal(prescaler.before, before)
    np.testing.assert_array_equal(prescaler.after, after)
    assert 0 < np.count_nonzero(final) < n


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("1", "1111111111"),
        ("0", "0000000000"),
        ("2", "0101010101"),
        ("1.5", "0110110110"),
        ("2.5", "0010100101"),
        ("1.01", "0111111111"),
    ],
)
def test_pattern_of_accepts(value: str, pattern: str) -> None:
    settings = PrescaleSettings.default([511])
    settings.factors[511] = factor(value)
    words = np.zeros((8, 10), np.uint64)
    words[7] = np.uint64(1 << 63)
    _, final = Prescaler(settings)(words, np.zeros(10, np.int16))
    assert "".join(str(int(bit)) for bit in final) == pattern


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.99", "below 1"),
        ("-2", "below 1"),
        ("1.001", "two decimals"),
        ("x", "not a number"),
        ("nan", "two decimals"),
        ("42949672.96", "32 bits"),
    ],
)
def test_refused_prescales(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        factor(value)


ALGORITHMS = {"L1_A": 3, "L1_B": 400}


def settings_from(tmp_path: Path, text: str, column: str | None = None) -> PrescaleSettings:
    (tmp_path / "p.csv").write_text(text)
    return load_settings(tmp_path / "p.csv", ALGORITHMS, column)


def test_columns_from_csv(tmp_path: Path) -> None:
    text = "algorithm,finor,veto,bx_mask,2e34,1e34\nL1_A,1,0,0-68 3563,1,0\nL1_B,0,1,,2.5,1.25\n"
    first, second = settings_from(tmp_path, text), settings_from(tmp_path, text, "1e34")
    assert (first.factors[3], first.factors[400], second.factors[3], second.factors[400]) == (
        100,
        250,
        0,
        125,
    )
    assert first.factors.sum() == 350  # everything else is off
    assert (first.finor[3], first.finor[400], first.veto[3], first.veto[400]) == (True, False, False, True)
    assert np.flatnonzero(first.closed[3]).tolist() == [*range(69), 3563]
    assert not first.closed[400].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: header"),
        ("algorithm\nL1_A\n", "line 1: header"),
        ("algorithm,2e34\nL1_C,1\n", "line 2 column 1: the menu has no such algorithm.*L1_C"),
        ("algorithm,2e34\nL1_A,1\nL1_A,1\n", "line 3 column 1: listed twice"),
        ("algorithm,1e34,2e34\nL1_A,1\n", "line 2: 3 columns expected"),
        ("algorithm,2e34\nL1_A,0.5\n", r"line 2 column 2, L1_A: prescale below 1 and not 0 \(got '0.5'\)"),
        ("algorithm,finor,2e34\nL1_A,yes,1\n", "line 2 finor: 0 or 1"),
        ("algorithm,bx_mask,2e34\nL1_A,3-3564,1\n", "line 2 bx_mask: crossings below 3564"),
        ("algorithm,bx_mask,2e34\nL1_A,9-3,1\n", "line 2 bx_mask"),
    ],
)
def test_refused_columns(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_from(tmp_path, text)


def test_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown prescale column.*it has 2e34"):
        settings_from(tmp_path, "algorithm,2e34\nL1_A,1\n", "3e34")
