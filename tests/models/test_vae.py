"""The VAE on pair tables: graph and weights belong together, reproducible training, files of any format."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.models import graph_path
from l1forge.models.anomaly import quantities
from l1forge.models.anomaly.pairs import quantities_of
from l1forge.models.vae import graph as circuit
from l1forge.models.vae import weights
from l1forge.models.vae.network import Schedule, train
from l1forge.simulation import SAMPLE

WEIGHTS = graph_path("vae").parent / weights.FILE


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def test_committed_graph_is_that_of_the_committed_weights() -> None:
    trained, tables = weights.load(WEIGHTS)
    committed = Graph.load(graph_path("vae"))
    assert circuit.build(trained, tables, meta=committed.meta).to_json() == committed.to_json()
    report = json.loads((WEIGHTS.parent / "training.json").read_text())
    assert len(report["losses"]) >= 5
    assert report["kept_seed"] == trained.seed == int(min(report["losses"], key=report["losses"].get))
    assert ((trained.mean != 0).sum(0) == 1).all()  # one weight of every pair


def test_graph_computes_what_the_tables_say_and_near_what_the_network_says() -> None:
    from l1forge.models.anomaly.crossings import Crossings
    from l1forge.models.vae.train import features

    trained, tables = weights.load(WEIGHTS)
    block = next(iter(open_events(SAMPLE / "A4l.parquet").blocks(block_size=4000)))
    values = quantities.values(block, quantities_of(tables.pairs))
    kernel = compile_graph(Graph.load(graph_path("vae")))
    found = kernel.run(block)[circuit.SCORE].ravel()
    expected = circuit.evaluate(circuit.contributions(trained, tables), tables.codes(values))
    np.testing.assert_array_equal(found, expected)
    x = features(Crossings(SAMPLE, values, np.zeros(block.n, bool)), tables)
    exact = np.square(trained.latent(x)[0].astype(np.float64)).sum(1) / circuit.SQUARE.lsb
    rank = np.corrcoef(np.argsort(np.argsort(exact)), np.argsort(np.argsort(found)))[0, 1]
    assert rank > 0.98


def test_kl_is_an_output_if_asked_for() -> None:
    trained, tables = weights.load(WEIGHTS)
    graph = circuit.build(trained, tables, kl=True)
    assert graph.outputs == ["mu2_score", "kl_score"]
    block = next(iter(open_events(SAMPLE / "ttbar.parquet").blocks(block_size=2000)))
    found = compile_graph(graph).run(block)
    assert (found["kl_score"] >= found["mu2_score"]).all()
    assert (found["kl_score"] > found["mu2_score"]).any()


def test_training_is_reproducible_and_keeps_one_weight_of_every_input() -> None:
    rng = np.random.default_rng(4)
    x, held = (rng.exponential(1, (n, 7)).astype(np.float32) for n in (3000, 500))
    schedule = Schedule(latent=3, hidden=4, steps=120, batch=128)
    a, b, c = (train(x, held, seed, schedule) for seed in (5, 5, 6))
    for name in ("mean", "mean_bias", "log_variance", "log_variance_bias"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.loss == b.loss != c.loss
    assert ((a.mean != 0).sum(0) == 1).all()
    assert a.curve[-1] < a.curve[0]


def test_weights_are_read_back_and_other_files_refused(tmp_path: Path) -> None:
    trained, tables = weights.load(WEIGHTS)
    weights.save(tmp_path / "w.npz", trained, tables)
    again, same = weights.load(tmp_path / "w.npz")
    assert circuit.build(again, same).to_json() == circuit.build(trained, tables).to_json()
    for content in (b"", b"nothing", (tmp_path / "w.npz").read_bytes()[:5000]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(InputError, match="not the weights of this network"):
            weights.load(tmp_path / "bad.npz")


def write_adc2021(path: Path, n: int, seed: int) -> None:
    """A small file of the layout of the anomaly-detection challenge of 2021: MET, e, mu, jets."""
    rng = np.random.default_rng(seed)
    particles = np.zeros((n, 19, 4))
    for first, last, mean, kind, share in (
        (0, 1, 15, 1, 1.0),
        (1, 5, 8, 2, 0.4),
        (5, 9, 6, 3, 0.4),
        (9, 19, 25, 4, 0.7),
    ):
        shape = n, last - first
        there = rng.random(shape) < share
        momenta = np.sort(rng.exponential(mean, shape) * there, axis=1)[:, ::-1]
        particles[:, first:last, 0] = momenta
        particles[:, first:last, 1] = rng.uniform(-2, 2, shape) * (momenta > 0) * (kind > 1)
        particles[:, first:last, 2] = rng.uniform(-3.1, 3.1, shape) * (momenta > 0)
        particles[:, first:last, 3] = kind * (momenta > 0)
    with h5py.File(path, "w") as file:
        file["Particles"] = particles


def test_challenge_files_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_adc2021(tmp_path / "background.h5", 12_000, 1)
    write_adc2021(tmp_path / "signal.h5", 500, 2)
    base = ("--zero-bias", tmp_path / "background.h5", "--quick", "--trainings", 2)
    assert run("train", "vae", *base, "-o", tmp_path / "slim") == 2
    assert (
        "has no column mu.qual, which the pairs slim read; use --pairs seven"
        in capsys.readouterr().err.replace("(got 'slim')", "").replace(" ;", ";")
    )
    options = ("--pairs", "seven", "--signal", f"new={tmp_path / 'signal.h5'}", "--kl")
    assert run("train", "vae", *base, *options, "-o", tmp_path / "adc") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "12,000 of 12,000 crossings used, a third of them for validation" in said
    assert "zero to the cut menu" in said
    graph = Graph.load(tmp_path / "adc" / "graph.json")
    assert graph.outputs == ["mu2_score", "kl_score"]
    assert [
        row["signal"] for row in json.loads((tmp_path / "adc" / "training.json").read_text())["signals"]
    ] == ["new"] * 4
    assert run("emulate", tmp_path / "adc" / "graph.json", tmp_path / "signal.h5") == 0


def test_error_of_the_decoder_is_an_output_if_asked_for() -> None:
    """Exact in kernel and reference, and in the order of the network's own loss."""
    from l1forge.models.anomaly.crossings import Crossings
    from l1forge.models.vae.train import features

    trained, tables = weights.load(WEIGHTS)
    graph = circuit.build(trained, tables, error=0.5)
    assert graph.outputs == ["mu2_score", "kl_score", "error_score"]
    block = next(iter(open_events(SAMPLE / "A4l.parquet").blocks(block_size=2000)))
    columns = graph.inputs[0].attributes["source"]
    rows = np.stack(list(quantities.inputs(block, columns).values()), axis=1).astype(np.int64)
    found = compile_graph(graph).run(block)["error_score"].ravel()
    np.testing.assert_array_equal(evaluate(graph, rows)["error_score"][:, 0], found)
    values = quantities.values(block, quantities_of(tables.pairs))
    x = features(Crossings(SAMPLE, values, np.zeros(block.n, bool)), tables)
    mean, log_variance = trained.latent(x)
    exact = trained.error(x) + (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(1) / 4
    assert np.corrcoef(np.argsort(np.argsort(exact)), np.argsort(np.argsort(found)))[0, 1] > 0.99
