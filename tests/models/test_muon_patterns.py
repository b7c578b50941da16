"""Golden patterns: fast emulation against a literal reference, hand-made cases, the trained tables."""

import dataclasses

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.models.muon_patterns import TRAINED, Patterns, find_patterns, load_patterns
from l1forge.models.muon_patterns.patterns import N_PATTERNS
from l1forge.models.muon_patterns.train import fill_tables, pattern_number
from l1forge.simulation.muons import LAYERS, NO_STUB, MuonSettings, generate

REFERENCE_LAYERS = (0, 7, 2, 6, 16, 4, 10, 11)
BENDING = (1, 3, 5)


@pytest.fixture(scope="module")
def patterns():
    return load_patterns()


def literal(value, quality, patterns):
    """One candidate, plain Python, written from the specification: (pattern, layers, sum)."""
    for number, origin in enumerate(REFERENCE_LAYERS):  # noqa: B007
        slots = [s for s in range(2) if value[origin][s] != NO_STUB]
        if origin in (0, 2, 4):
            slots = [s for s in slots if value[origin + 1][s] != NO_STUB]
        if slots:
            slot = max(slots, key=lambda s: (quality[origin][s], -s))
            break
    else:
        return -1, 0, 0
    phi = value[origin][slot]
    angle = value[origin + 1][slot] if origin in (0, 2, 4) else 0
    best = (-1, 0, 0)
    for pattern in range(N_PATTERNS):
        layers = total = 0
        for layer in range(len(LAYERS)):
            mean = ((int(patterns.slope[number, layer, pattern]) * angle) >> 7) + int(
                patterns.offset[number, layer, pattern]
            )
            start = 0 if layer in BENDING else phi
            distances = [v - start - mean for v in value[layer] if v != NO_STUB]
            if not distances:
                continue
            distance = min(distances, key=abs)  # the first of equals
            reduced = abs(distance) >> int(patterns.shift[number, layer, pattern])
            if reduced > 63:
                continue
            address = 64 + (reduced if distance >= 0 else -reduced)
            pdf = int(patterns.value[number, layer, pattern, address])
            layers, total = layers + (pdf > 0), total + pdf
        if layers >= 3 and (layers, total) > best[1:]:
            best = (pattern, layers, total)
    return best


def results(value, quality, patterns):
    return list(zip(*(a.tolist() for a in find_patterns(value, quality, patterns)), strict=True))


def expected(value, quality, patterns):
    return [literal(v, q, patterns) for v, q in zip(value.tolist(), quality.tolist(), strict=True)]


def test_simulated_muons_agree_with_the_literal_reference(patterns):
    sample = generate(1500, 21, MuonSettings(noise=0.1))
    assert results(sample.value, sample.quality, patterns) == expected(sample.value, sample.quality, patterns)


def random_stubs(n, generator):
    value = generator.integers(-1023, 1024, (n, 18, 2)).astype(np.int16)
    value[generator.random(value.shape) < 0.5] = NO_STUB
    return value, generator.integers(0, 16, value.shape).astype(np.int16)


def test_random_stubs_and_random_tables_agree_with_the_literal_reference(patterns):
    generator = np.random.default_rng(5)
    value, quality = random_stubs(400, generator)
    shape = patterns.offset.shape
    table = generator.integers(0, 64, patterns.value.shape).astype(np.uint8)
    table[..., [0, 1, 127]] = 0
    tables = Patterns(
        generator.integers(-300, 300, shape).astype(np.int32),
        generator.integers(-200, 200, shape).astype(np.int32),
        generator.integers(0, 4, shape).astype(np.int32),
        table,
    )
    assert results(value, quality, tables) == expected(value, quality, tables)


def test_a_flipped_table_bit_is_noticed(patterns):
    sample = generate(500, 22)
    table = patterns.value.copy()
    table[0, 7, :, 60:70] ^= 1
    broken = dataclasses.replace(patterns, value=table)
    assert results(sample.value, sample.quality, broken) != expected(sample.value, sample.quality, patterns)


def empty_tables():
    shape = (8, 18, N_PATTERNS)
    return Patterns(*(np.zeros(shape, np.int32) for _ in range(3)), np.zeros((*shape, 128), np.uint8))


def candidate(**stubs):
    """Stubs as L<layer>=(first, second) around a reference stub in ME2/3 at azimuth 100."""
    value, quality = np.full((1, 18, 2), NO_STUB, np.int16), np.zeros((1, 18, 2), np.int16)
    value[0, 7, 0] = 100
    for name, stub in stubs.items():
        value[0, int(name[1:]), : len(stub)] = stub
    return value, quality


def test_most_layers_win_over_a_larger_sum():
    tables = empty_tables()
    tables.value[1, [7, 6, 8], 10, 64] = 63
    tables.value[1, [7, 6, 8, 9], 11, 64] = 1
    assert results(*candidate(L6=[100], L8=[100], L9=[100]), tables) == [(11, 4, 4)]
    value, quality = candidate(L6=[100], L8=[100], L9=[100])
    assert find_patterns(value, quality, tables, layers_first=False).pattern[0] == 10


def test_larger_sum_wins_then_the_lower_pattern():
    tables = empty_tables()
    tables.value[1, [7, 6, 8], 20, 64] = 5
    tables.value[1, [7, 6, 8], 30, 64] = 6
    tables.value[1, [7, 6, 8], 40, 64] = 6
    assert results(*candidate(L6=[100], L8=[100]), tables) == [(30, 3, 18)]


def test_closest_stub_and_address_edges():
    tables = empty_tables()
    tables.value[1, [7, 6], 0, 64] = 1
    tables.value[1, 8, 0] = np.r_[0, 0, np.full(125, 9), 0]
    for distance, layers in ((62, 3), (63, 0), (-62, 3), (-63, 0), (500, 0)):
        found = results(*candidate(L6=[100], L8=[100 + distance]), tables)
        assert found == [(0, 3, 11) if layers else (-1, 0, 0)]
    assert results(*candidate(L6=[100], L8=[400, 90]), tables) == [(0, 3, 11)]
    tables.shift[1, 8, 0] = 2
    assert results(*candidate(L6=[100], L8=[100 + 251]), tables) == [(0, 3, 11)]
    assert results(*candidate(L6=[100], L8=[100 + 252]), tables) == [(-1, 0, 0)]


def test_mean_follows_the_reference_angle():
    tables = empty_tables()
    tables.value[0, [0, 1], 0, 64] = 1
    tables.value[0, 7, 0, 64] = 2
    tables.offset[0, 1, 0], tables.slope[0, 7, 0], tables.offset[0, 7, 0] = -5, 64, 3
    value, quality = np.full((1, 18, 2), NO_STUB, np.int16), np.zeros((1, 18, 2), np.int16)
    value[0, 0, 0], value[0, 1, 0] = 10, -5
    value[0, 7, 0] = 10 + 3 + -3  # (64 * -5) >> 7 = -3: the shift rounds down
    assert results(value, quality, tables) == [(0, 3, 4)]


@pytest.mark.parametrize("layers", [(), (17,), (0, 2, 4), (7, 8)])
def test_no_reference_or_too_few_layers_give_no_pattern(patterns, layers):
    value, quality = np.full((1, 18, 2), NO_STUB, np.int16), np.zeros((1, 18, 2), np.int16)
    value[0, list(layers), 0] = 10  # DT stubs without their angle are no reference
    assert results(value, quality, patterns) == [(-1, 0, 0)]


def test_trained_patterns_measure_pt_and_charge(patterns):
    sample = generate(4000, 23, MuonSettings(pt_min=8, pt_max=25))
    pattern = find_patterns(sample.value, sample.quality, patterns).pattern
    found = pattern >= 0
    assert found.mean() > 0.97
    bins = pattern[found] // 2 - pattern_number(sample.pt, sample.charge)[found] // 2
    assert abs(np.median(bins)) <= 1
    assert np.mean((pattern[found] % 2 == 1) != (sample.charge[found] > 0)) < 0.02


def test_training_is_reproducible_and_survives_the_file(tmp_path):
    sample = generate(20_000, 24)
    one, other = fill_tables(sample), fill_tables(sample)
    one.save(tmp_path / "one.npz")
    read = load_patterns(tmp_path / "one.npz")
    for name in ("offset", "slope", "shift", "value"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
        assert np.array_equal(getattr(one, name), getattr(read, name))


def test_bad_pattern_files_are_refused(tmp_path, patterns):
    (tmp_path / "text.npz").write_text("no patterns")
    table = patterns.value.copy()
    table[0, 0, 0, 5] = 64
    dataclasses.replace(patterns, value=table).save(tmp_path / "large.npz")
    dataclasses.replace(patterns, offset=patterns.offset[:2]).save(tmp_path / "shape.npz")
    for name in ("missing", "text", "large", "shape"):
        with pytest.raises(InputError, match=name):
            load_patterns(tmp_path / f"{name}.npz")
    assert TRAINED.is_file()
