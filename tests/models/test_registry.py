"""The registry of models: declarations in the models' folders, and commands made from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import l1forge.models
from l1forge.cli import main
from l1forge.commands.train import _command
from l1forge.emulator.errors import InputError
from l1forge.models import available, registry
from l1forge.models.registry import hls_of, models, own_models
from l1forge.studies.evaluation import evaluate

OFFERS = """
from l1forge.models.registry import Model, Training

def train(seed, output, report, rounds: int = 3):
    '''Train nothing.'''
    report(f"{rounds} rounds with seed {seed}")
    (output / "graph.json").write_text("{}")

MODEL = Model("NAME", Training(train, seed=5), evaluate=lambda folder, report: {"auc": 0.5})
"""


def test_every_model_with_a_graph_declares_what_it_offers() -> None:
    assert set(available()) <= set(models())
    assert list(models()) == [
        "eg_iso",
        "event_bdt",
        "jet_graph",
        "jet_sets_16",
        "jet_sets_32",
        "jet_sets_8",
        "jet_tagger",
        "jet_tagger_binary",
        "jet_tagger_ternary",
        "muon_patterns",
        "muon_pt",
        "muon_pt_small",
        "tail_pairs",
        "tau_id",
        "vae",
        "vae_dense",
    ]
    taggers = {"jet_tagger", "jet_tagger_ternary", "jet_tagger_binary"}
    assert {name for name in models() if hls_of(name)} == {"muon_pt", "muon_pt_small", "vae_dense", *taggers}
    sets = {"jet_graph", "jet_sets_8", "jet_sets_16", "jet_sets_32"}
    assert {name for name, model in models().items() if model.rows} == taggers | sets
    assert {name for name, model in models().items() if model.written} == {"tail_pairs", "vae", *sets}
    assert hls_of("build/some.graph.json") is None
    assert [name for name, model in models().items() if model.stage] == ["muon_pt"]
    assert models()["muon_patterns"].graph is None


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models with a single model ``flat_model``."""
    folder = tmp_path / "flat_model"
    folder.mkdir()
    (folder / "offers.py").write_text(OFFERS.replace("NAME", "flat_model"))
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    monkeypatch.setattr(l1forge.models, "__path__", [str(tmp_path)])
    own_models.cache_clear()
    yield folder
    own_models.cache_clear()
    for name in ("l1forge.models.flat_model", "l1forge.models.flat_model.offers"):
        sys.modules.pop(name, None)


def test_a_new_folder_is_a_new_model(added: Path, tmp_path: Path) -> None:
    (model,) = models().values()
    assert (model.name, model.folder) == ("flat_model", added)
    assert model.training is not None
    _command(model, model.training)(model.training.seed, tmp_path / "out", rounds=2)
    assert (tmp_path / "out" / "graph.json").read_text() == "{}"
    found = evaluate("flat_model", tmp_path / "out")
    assert found.to_dict()["auc"] == 0.5


def test_a_wrong_declaration_is_named(added: Path) -> None:
    (added / "offers.py").write_text("from l1forge.models.registry import Model\nMODEL = Model('other')\n")
    with pytest.raises(TypeError, match=r"flat_model/offers\.py: MODEL = Model\('flat_model'"):
        models()


def test_a_model_without_evaluation_is_refused_with_those_that_have_one() -> None:
    known = "eg_iso, event_bdt, jet_graph, jet_sets_16, jet_sets_32, jet_sets_8, tau_id"
    with pytest.raises(InputError, match=f"has no evaluation.*one of {known}"):
        evaluate("vae")


def test_options_of_a_training_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "tau_id", "--trees", "0"])
    assert end.value.code == 2
    assert "--trees" in capsys.readouterr().err


def test_nobody_else_spells_the_modules_of_models() -> None:
    """Names of modules put together at run time escape every check of imports."""
    root = Path(l1forge.models.__file__).parents[1]
    sources = [
        file
        for room in ("testbench", "firmware", "models", "studies", "commands", "screen", "benchmarks")
        for file in (root / room).rglob("*.py")
    ]
    assert len(sources) > 200
    spelt = [file.name for file in sources if 'f"l1forge.models.' in file.read_text(encoding="utf-8")]
    assert spelt == ["registry.py"]
    testbench = [file for file in sources if file.is_relative_to(root / "testbench")]
    assert not [file for file in testbench if "l1forge.models" in file.read_text(encoding="utf-8")]
