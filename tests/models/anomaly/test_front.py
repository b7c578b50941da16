"""The search of the anomaly scores: graphs of other sizes compute what their tables say."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.reference import evaluate
from l1forge.models import graph_path
from l1forge.models.anomaly import front, quantities
from l1forge.models.anomaly.pairs import quantities_of
from l1forge.models.anomaly.samples import ZERO_BIAS
from l1forge.models.vae import graph as vae
from l1forge.models.vae import weights
from l1forge.simulation import SAMPLE


@pytest.mark.parametrize("numbers", [vae.Numbers(3, 5, 4), vae.Numbers(7, 9, 0)])
def test_other_numbers_of_the_vae_are_exact(numbers):
    trained, tables = weights.load(graph_path("vae").parent / weights.FILE)
    graph = vae.build(trained, tables, numbers=numbers)
    block = next(iter(open_events(SAMPLE / "A4l.parquet").blocks(block_size=1000)))
    values = quantities.values(block, quantities_of(tables.pairs))
    x = np.stack(list(quantities.inputs(block, graph.inputs[0].attributes["source"]).values()), axis=1)
    parts = vae.contributions(trained, tables, numbers=numbers)
    expected = vae.evaluate(parts, tables.codes(values), numbers)
    np.testing.assert_array_equal(evaluate(graph, x.astype(np.int64))["mu2_score"][:, 0], expected)


def test_a_trial_has_fewer_pairs_and_a_loss():
    settings = {"score": "tail_pairs", "pairs": "nine", "kept": 8, "bits": 4, "step": 3, "latent": 2}
    graph = front.train(settings, [ZERO_BIAS], seed=1)
    pairs = [node for node in graph.nodes if node.op == "table" and node.constants["table"].data.size == 256]
    assert len([node for node in pairs if ".code" not in node.name]) <= 8
    loss = front.loss(graph, [ZERO_BIAS, SAMPLE / "zmumu.parquet"], seed=1)
    assert 0.9 < loss < 1


def test_signals_are_asked_for():
    with pytest.raises(InputError, match="zero bias and signals"):
        front.loss(None, [ZERO_BIAS], seed=1)
