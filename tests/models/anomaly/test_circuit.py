"""Quantities and the circuit that computes their codes and pairs."""

import numpy as np
import pytest

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.models.anomaly import quantities
from l1forge.models.anomaly.pairs import PAIR_LISTS, count, quantities_of
from l1forge.models.tail_pairs.graph import SCORE, build, contents


def random_events(n: int, seed: int = 1) -> Events:
    """Falling spectra in every column that a quantity reads, some values beyond the tables."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in quantities.columns(quantities.QUANTITIES.values()):
        slots, field = COLUMNS[name]
        if field.width <= 4:
            columns[name] = rng.integers(0, field.maximum + 1, (slots, n)).astype(np.int16)
        else:
            drawn = np.minimum(rng.exponential(30, (slots, n)), field.maximum).astype(np.int16)
            columns[name] = np.sort(drawn, axis=0)[::-1].copy()
    return Events(columns, n)


def test_gates_choose_isolated_objects() -> None:
    et = np.array([[50, 50, 50, 50], [40, 40, 40, 40], [30, 30, 30, 30]], np.int16)
    iso = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 2]], np.int16)

    def column(values: np.ndarray, slots: int) -> np.ndarray:
        return np.pad(values, ((0, slots - 3), (0, 0))).astype(np.int16)

    columns = {"eg.et": column(et, 12), "eg.iso": column(iso, 12)}
    columns |= {"mu.pt": column(et, 8), "mu.qual": column(iso + 11, 8)}
    events = Events(columns, 4)
    found = quantities.values(events, quantities.QUANTITIES.values())
    assert found["eg_iso0"].tolist() == [50, 40, 50, 0]  # bit 0; code 2 is the other bit
    assert found["eg_iso1"].tolist() == [30, 30, 40, 0]
    assert found["eg2"].tolist() == [30] * 4
    assert found["mu_good"].tolist() == [50, 40, 50, 30]  # quality 12 and more
    assert found["tau_iso0"].tolist() == [0] * 4  # the events have no taus


@pytest.mark.parametrize("pairs", PAIR_LISTS)
def test_graph_equals_tables(pairs: str) -> None:
    events = random_events(20_000)
    values = quantities.values(events, quantities_of(PAIR_LISTS[pairs]))
    tables = count(values, PAIR_LISTS[pairs])
    graph = build(tables)
    other = random_events(3000, seed=2)
    codes = tables.codes(quantities.values(other, quantities_of(PAIR_LISTS[pairs])))
    filled = contents(tables)
    expected = sum(table[codes[a], codes[b]] for (a, b), table in filled.items())
    found = compile_graph(graph).run(other)[SCORE].ravel()
    np.testing.assert_array_equal(found, expected)
    assert 0 < expected.max() <= graph[SCORE].type.maximum
    node = graph.inputs[0]
    rows = np.stack(list(quantities.inputs(other, node.attributes["source"]).values()), axis=1)[:200]
    np.testing.assert_array_equal(evaluate(graph, {node.name: rows})[SCORE].ravel(), expected[:200])


def test_one_wrong_entry_is_seen() -> None:
    events = random_events(20_000)
    pairs = PAIR_LISTS["seven"]
    values = quantities.values(events, quantities_of(pairs))
    graph = build(count(values, pairs))
    before = compile_graph(graph).run(events)[SCORE]
    node = next(node for node in graph.nodes if node.name == "mu0_eg0")
    codes = count(values, pairs).codes(values)
    place = int(16 * codes["mu0"][7] + codes["eg0"][7])
    node.constants["table"].data[place] ^= 1
    after = compile_graph(graph).run(events)[SCORE]
    assert before.ravel()[7] != after.ravel()[7]
