"""The trained autoencoder: QKeras and the committed graph give the same integers on real crossings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.converters.score import attach_scores
from l1forge.firmware.verify import compare
from l1forge.models import graph_path

FOLDER = Path(__file__).parents[3] / "simulation" / "sample"
SAMPLES = [FOLDER / f"{name}.parquet" for name in ("zerobias", "ttbar")]
CROSSINGS = 2000


@pytest.mark.filterwarnings("ignore")  # TensorFlow and QKeras warn about each other
def test_qkeras_is_bit_identical_to_the_committed_graph() -> None:
    from l1forge.models.vae_dense.features import COLUMNS, hardware_features
    from l1forge.models.vae_dense.train import load_encoder

    model = attach_scores(load_encoder(graph_path("vae_dense").parent / "weights.npz"))
    graph = Graph.load(graph_path("vae_dense"))
    kernel = compile_graph(graph)
    for path in SAMPLES:
        events = next(iter(open_events(path).blocks(COLUMNS, CROSSINGS)))
        features = hardware_features(events).astype(np.float32)
        scores = model.predict(features, batch_size=CROSSINGS, verbose=0)
        found = kernel.run(events)
        for name, keras in zip(graph.outputs, scores, strict=True):
            exact = np.ldexp(keras.astype(np.float64), graph[name].type.fraction)
            integers = exact.astype(np.int64)
            assert np.array_equal(integers, exact)  # a value off the grid would be no integer
            outcome = compare(f"{path.stem}: {name}", integers, np.moveaxis(found[name], -1, 0))
            assert outcome.exact, outcome
