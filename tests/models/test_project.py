"""A user's project: its file, its models beside those of l1forge, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.models import available, graph_path
from l1forge.models.project import project
from l1forge.models.registry import models
from l1forge.studies.defaults import default_menu, default_signals, default_zero_bias

OFFERS = """
from l1forge.models.registry import Model, Training
from .numbers import ROUNDS

def train(seed, output, report, rounds: int = ROUNDS):
    '''Train nothing.'''

MODEL = Model("mine", Training(train))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with the models ``mine`` (declared) and ``copied`` (a graph alone)."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("L1FORGE_BUILD", raising=False)
    (tmp_path / "l1forge.toml").write_text('[project]\nname = "p"\n')
    (tmp_path / "models/mine").mkdir(parents=True)
    (tmp_path / "models/mine/offers.py").write_text(OFFERS)
    (tmp_path / "models/mine/numbers.py").write_text("ROUNDS = 7\n")
    (tmp_path / "models/copied").mkdir()
    shutil.copy(graph_path("tau_id"), tmp_path / "models/copied/graph.json")
    return tmp_path


def test_models_of_the_project_stand_beside_those_of_l1forge(root: Path) -> None:
    assert {"copied", "vae"} <= set(available())
    assert "mine" not in available()
    assert graph_path("copied") == root / "models/copied/graph.json"
    found = models()
    assert (found["mine"].folder, found["copied"].training) == (root / "models/mine", None)
    assert found["mine"].training is not None
    assert found["mine"].training.run.__defaults__ == (7,)
    assert build_folder() == root / "build"


def test_below_the_project_and_outside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(root / "deep/er")
    assert graph_path("copied") == root / "models/copied/graph.json"
    monkeypatch.chdir(root.parent)
    assert project() is None
    monkeypatch.setenv("L1FORGE_PROJECT", str(root))
    assert "copied" in available()
    monkeypatch.setenv("L1FORGE_PROJECT", str(root / "nothing"))
    with pytest.raises(InputError, match=r"L1FORGE_PROJECT: is not a project"):
        project()


def test_a_model_without_a_graph_names_its_training(root: Path) -> None:
    with pytest.raises(
        InputError, match=r"is not trained yet: it has no graph .*; train it: l1forge train mine"
    ):
        graph_path("mine")


def test_defaults_of_the_project(root: Path) -> None:
    (root / "menu.yaml").write_text("")
    (root / "zb.parquet").write_text("")
    text = '[project]\nname = "p"\nmenu = "menu.yaml"\nzero_bias = "zb.parquet"\nsignals = ["zb.parquet"]\n'
    other = root / "other"
    other.mkdir(mode=0o755)
    assert default_menu().name == "default.yaml"
    assert len(default_signals()) == 7
    for name in ("menu.yaml", "zb.parquet"):
        shutil.copy(root / name, other)
    (other / "l1forge.toml").write_text(text)
    import os

    os.chdir(other)
    assert default_menu() == other / "menu.yaml"
    assert default_zero_bias() == other / "zb.parquet"
    assert default_signals() == (other / "zb.parquet",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project", "is not TOML"),
        ("", "project.name: the project has no name"),
        ('[project]\nname = ""\n', "project.name: the project has no name"),
        ("[project]\nname = 3\n", "project.name: text is expected (got 3)"),
        ('[project]\nname = "p"\nsignal = ["a"]\n', "project.signal: is not a key; keys: name, models"),
        ('[projects]\nname = "p"\n', "projects: is not a table of this file"),
        ("project = 1\n", "project: a table is expected"),
        ('[project]\nname = "p"\nmenu = "no.yaml"\n', "project.menu: does not exist (got 'no.yaml')"),
        ('[project]\nname = "p"\nperiod_ns = 0\n', "project.period_ns: is not a clock period"),
        (
            '[project]\nname = "p"\n[verify]\ncrossings = 0\n',
            "verify.crossings: is not a number of crossings",
        ),
        ('[project]\nname = "p"\n[verify]\ncrossings = true\n', "verify.crossings: an integer is expected"),
        ('[project]\nname = "p"\n[verify]\nmodels = ["x"]\n', "verify.models: is not a model of the project"),
        ('[project]\nname = "p"\n[verify]\nvectors = [1]\n', "verify.vectors: a list of texts is expected"),
    ],
)
def test_what_is_refused_names_file_and_key(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "l1forge.toml"
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        project()
    assert str(raised.value).startswith(f"{file}: ")
    assert said in str(raised.value)


def test_other_users_cannot_run_code(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = root / "open"
    open_to_all.mkdir()
    (open_to_all / "l1forge.toml").write_text('[project]\nname = "p"\n')
    open_to_all.chmod(0o777)
    monkeypatch.chdir(open_to_all)
    with pytest.raises(
        InputError, match=r"the code of this project is not run: .* can be written by everybody"
    ):
        available()


def test_a_name_of_l1forge_and_broken_code_are_refused(root: Path) -> None:
    shutil.copytree(root / "models/copied", root / "models/vae")
    project.__globals__["_read"].cache_clear()
    with pytest.raises(InputError, match=r"two models have one name \(got 'vae'\); rename it"):
        models()
    shutil.rmtree(root / "models/vae")
    (root / "models/broken").mkdir()
    (root / "models/broken/offers.py").write_text("1 / 0\n")
    project.__globals__["_read"].cache_clear()
    with pytest.raises(InputError, match=r"declaration of model broken fails: ZeroDivisionError"):
        models()


def test_the_record_of_thresholds(root: Path) -> None:
    """`verify` compares the menu with what was measured."""
    from l1forge.studies.verify_project import _thresholds, record_of

    menu = root / "menu.yaml"
    menu.write_text('menu: m\nalgorithms:\n  - {name: L1_A, seed: "JET100"}\n')
    record_of(menu).write_text(json.dumps({"L1_A": {"seed": "JET100", "rate_khz": 3.0}}))
    assert _thresholds(menu) == (True, "1 seeds as measured")
    record_of(menu).write_text(json.dumps({"L1_A": {"seed": "JET99", "rate_khz": 3.0}}))
    passed, verdict = _thresholds(menu)
    assert not passed
    assert verdict.endswith(
        "L1_A is JET100, but JET99 was measured at 3 kHz (menu.yaml.thresholds.json);"
        " run l1forge menu add again"
    )
    record_of(menu).write_text('{"L1_B": {"seed": "JET99", "rate_khz": 3.0}}')
    assert _thresholds(menu)[0] is False
    record_of(menu).write_text("[]")
    with pytest.raises(InputError, match="is not a record of thresholds"):
        _thresholds(menu)
