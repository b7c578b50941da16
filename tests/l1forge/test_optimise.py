"""`l1forge optimise`: the search, its limits, going on after an interrupt, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.cli import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.studies.narrowing import narrowed, space_of
from l1forge.studies.optimise import JOURNAL, PLOT, RESULT, Goal, Optimised, Tried, optimise
from l1forge.studies.optimise_subject import subject_of

MODEL = """
import numpy as np
from l1forge.emulator.graph import FixedType, Graph, Node
from l1forge.emulator.graph.graph import Constant

SETTINGS = {"bits": (1, 6), "outputs": [1, 2]}

def train(settings, data, seed):
    weight = np.random.default_rng(seed).integers(-31, 32, (4, settings["outputs"]))
    step = 1 << 6 - settings["bits"]
    weight = weight // step * step
    kind = FixedType.parse("int<7>")
    zero = Constant(kind, np.zeros(settings["outputs"], int))
    return Graph("mine", [
        Node("x", "input", (), (4,), FixedType.parse("int<8>")),
        Node("y", "dense", ("x",), weight.shape[1:], FixedType.parse("int<20>"),
             {"accum": "fixed<20,20>"}, {"weight": Constant(kind, weight), "bias": zero}),
    ], ["y"])

def loss(graph, data, seed):
    weight = graph["y"].constants["weight"].data
    true = np.random.default_rng(seed).integers(-31, 32, weight.shape)
    return float(np.abs(weight - true).mean())
"""


@pytest.fixture
def model(tmp_path) -> Path:
    file = tmp_path / "model.py"
    file.write_text(MODEL)
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(-128, 128, (500, 4)))
    return file


def goal(model: Path, **more: object) -> Goal:
    return Goal((model.parent / "x.npy",), **more)  # type: ignore[arg-type]


def test_front_of_a_trained_model(model, tmp_path):
    found = optimise(str(model), goal(model, seeds=2), tmp_path / "out", trials=8)
    assert [trial.number for trial in found.trials] == list(range(8))
    front = found.front
    assert front == sorted(front, key=lambda t: t.lut)
    assert [t.loss for t in front] == sorted((t.loss for t in front), reverse=True)
    assert any(trial.spread > 0 for trial in found.trials)
    document = json.loads((tmp_path / "out" / RESULT).read_text())
    assert [t["number"] for t in document["trials"] if t["pareto"]] == sorted(t.number for t in front)
    assert (tmp_path / "out" / PLOT).stat().st_size > 5_000
    assert Graph.load(tmp_path / "out" / front[0].graph).name == "mine"


def test_interrupted_search_goes_on_as_if_it_had_not_stopped(model, tmp_path):
    whole = optimise(str(model), goal(model), tmp_path / "whole", trials=6)

    def stop(state: Optimised) -> None:
        if len(state.trials) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimise(str(model), goal(model), tmp_path / "parts", trials=6, on_trial=stop)
    assert len(json.loads((tmp_path / "parts" / RESULT).read_text())["trials"]) == 3
    again = optimise(str(model), goal(model), tmp_path / "parts", trials=6)
    assert again.trials == whole.trials


def test_an_interrupt_inside_a_training_costs_that_trial_only(model, tmp_path, monkeypatch):
    whole = optimise(str(model), goal(model), tmp_path / "whole", trials=3)
    subject = subject_of(str(model), [], [])
    monkeypatch.setattr("l1forge.studies.optimise.subject_of", lambda *_: subject)
    calls = []

    def interrupted(graph: Graph, seed: int) -> float:
        calls.append(seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return type(subject).loss(subject, graph, seed)

    monkeypatch.setattr(subject, "loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimise(str(model), goal(model), tmp_path / "parts", trials=3)
    assert optimise(str(model), goal(model), tmp_path / "parts", trials=3).trials == whole.trials


def tried(number: int, lut: int, loss: float, fits: bool = True) -> Tried:
    return Tried(number, {}, lut, 4, 16.6, loss, 0.0, fits)


def test_front_holds_what_nothing_beats():
    trials = (tried(0, 100, 1.0), tried(1, 50, 2.0), tried(2, 120, 1.0), tried(3, 10, 0.1, fits=False))
    front = Optimised("m", Goal(()), 1, (*trials, tried(4, 200, 0.5), tried(5, 50, 2.5))).front
    assert [trial.number for trial in front] == [1, 0, 4]


def test_limits_decide_what_fits(model, tmp_path):
    free = optimise(str(model), goal(model), tmp_path / "free", trials=5)
    luts = sorted(trial.lut for trial in free.trials)
    tight = optimise(str(model), goal(model, lut=luts[0] - 1, latency_ns=3.0), tmp_path / "tight", trials=2)
    assert not any(trial.fits for trial in tight.trials)
    assert tight.front == []


def scores() -> Graph:
    rng = np.random.default_rng(3)
    weight = rng.integers(-31, 32, (4, 1))
    nodes = [
        Node("x", "input", (), (4,), FixedType.parse("uint<8>")),
        Node(
            "d",
            "dense",
            ("x",),
            (1,),
            FixedType.parse("int<18>"),
            {"accum": "fixed<18,18>"},
            {
                "weight": Constant(FixedType.parse("int<6>"), weight),
                "bias": Constant(FixedType.parse("int<4>"), np.array([3])),
            },
        ),
        Node("t", "table", ("d",), (1,), FixedType.parse("uint<6>"), {"offset": 32, "shift": 8},
             {"table": Constant(FixedType.parse("uint<6>"), np.arange(64))}),
    ]  # fmt: skip
    return Graph("scores", nodes, ["t"])


def test_a_graph_is_narrowed():
    graph = scores()
    space = space_of(graph)
    assert space == {"weight_bits": (2, 5), "table_bits": (2, 6), "pruned": (0.0, 0.95), "input_bits": (2, 8)}
    same = narrowed(graph, {"weight_bits": 5, "table_bits": 6, "pruned": 0.0, "input_bits": 8})
    x = np.random.default_rng(0).integers(0, 256, (300, 4))
    np.testing.assert_array_equal(evaluate(same, x)["t"], evaluate(graph, x)["t"])
    coarse = narrowed(graph, {"weight_bits": 2, "table_bits": 3, "pruned": 0.5, "input_bits": 4})
    weight = coarse["d"].constants["weight"].data
    assert np.all(weight % 8 == 0)
    assert np.count_nonzero(weight) <= 2
    assert np.all(coarse["t"].constants["table"].data % 8 == 0)
    high = evaluate(coarse, x | 15)["t"]
    np.testing.assert_array_equal(evaluate(coarse, x)["t"], high)


def test_search_on_a_graph_with_a_rate(tmp_path):
    graph = scores()
    graph.save(tmp_path / "graph.json")
    rng = np.random.default_rng(4)
    np.save(tmp_path / "zb.npy", np.minimum(rng.exponential(20, (4000, 4)), 255).astype(np.int16))
    np.save(tmp_path / "s.npy", np.minimum(rng.exponential(60, (1000, 4)), 255).astype(np.int16))
    arguments = ["optimise", str(tmp_path / "graph.json"), "--data", str(tmp_path / "zb.npy"), "--signal",
                 f"s={tmp_path / 's.npy'}", "--rate", "300", "--trials", "3", "-o", str(tmp_path / "o"),
                 "--json", str(tmp_path / "o.json")]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "o.json").read_text())
    assert all(t["loss"] == pytest.approx(1 - t["efficiencies"]["s"]) for t in document["trials"])
    plain = CliRunner().invoke(app, [*arguments[:4], "--trials", "2", "-o", str(tmp_path / "p")])
    assert plain.exit_code == 0, plain.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "train"),
        ("def train(settings, data, seed): ...", "SETTINGS"),
        ("SETTINGS = {'a': (3, 1)}\ndef train(settings, data, seed): ...", "SETTINGS\\['a'\\]"),
        ("SETTINGS = {'a': (0, 1, 'log')}\ndef train(settings, data, seed): ...", "low > 0"),
        ("SETTINGS = {'a': (0, 1)}\ndef train(settings, data, seed): ...", "loss"),
        ("1 +", "SyntaxError"),
        (
            "SETTINGS = {'a': (0, 1)}\ndef loss(*a): return 1\ndef train(settings, data, seed): return 3",
            "must return",
        ),
    ],
)
def test_a_file_that_cannot_be_searched_is_refused(model, tmp_path, text, said):
    model.write_text(text)
    with pytest.raises(InputError, match=said):
        optimise(str(model), goal(model), tmp_path / "out", trials=1)


def test_what_does_not_belong_together_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="belong together"):
        optimise(str(model), goal(model, rate=3.0), tmp_path / "out", trials=1)
    both = goal(model, rate=3.0, signals=(("s", model.parent / "x.npy"),))
    with pytest.raises(InputError, match="no training saw"):
        optimise(str(model), both, tmp_path / "out", trials=1)
    with pytest.raises(InputError, match="no such file"):
        optimise(str(tmp_path / "no.py"), goal(model), tmp_path / "out", trials=1)
    optimise(str(model), goal(model), tmp_path / "out", trials=1)
    with pytest.raises(InputError, match="another model"):
        optimise(str(model), goal(model), tmp_path / "out", trials=1, seed=2)
    assert (tmp_path / "out" / JOURNAL).exists()


def test_a_loss_that_is_no_number_is_refused(model, tmp_path):
    model.write_text(MODEL.replace("return float(np.abs", "return float('nan') + float(np.abs"))
    with pytest.raises(InputError, match="finite"):
        optimise(str(model), goal(model), tmp_path / "out", trials=1)
