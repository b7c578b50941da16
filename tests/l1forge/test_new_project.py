"""`l1forge new`: a project whose files fit each other, and CI output that CI can read."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.models.registry import models
from l1forge.screen.ci import Check, badge, github_lines, write_junit
from l1forge.studies.scaffold import KINDS, new_project


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_kind(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_project("my_trigger", kind, tmp_path / "p")
    assert made.files == (
        ".github/workflows/verify.yml",
        ".gitignore",
        ".gitlab-ci.yml",
        "Makefile",
        "README.md",
        "l1forge.toml",
        "menu.yaml",
        "models/my_trigger/offers.py",
        "models/my_trigger/train.py",
        "tests/test_my_trigger.py",
    )
    root = tmp_path / "p"
    texts = {name: (root / name).read_text() for name in made.files}
    assert not [name for name, text in texts.items() if "{{" in text.replace("${{", "")]
    for name in made.files:
        if name.endswith(".py"):
            ast.parse(texts[name])
        if name.endswith((".yml", ".yaml")):
            assert yaml.safe_load(texts[name])
    assert tomllib.loads(texts["l1forge.toml"])["verify"]["models"] == ["my_trigger"]
    monkeypatch.chdir(root)
    model = models()["my_trigger"]
    assert model.training is not None
    assert (model.hls is None) == (kind == "bdt")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Trigger", "is not a name for a model"),
        ("1st", "is not a name for a model"),
        ("class", "is not a name for a model"),
        ("../x", "is not a name for a model"),
        ("vae", "is a model of l1forge"),
    ],
)
def test_names_that_are_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        new_project(name, "vae", tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_nothing_is_written_into_a_folder_with_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(SystemExit) as end:
        main(["new", "my_trigger", "-o", str(tmp_path)])
    assert end.value.code == 2
    assert f"error: {tmp_path}: is not empty; choose" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_what_ci_reads(tmp_path: Path) -> None:
    checks = [
        Check("cosim", "vae", True, "0 mismatches", 1.5, "graph.json"),
        Check("menu", "m, 50%", False, "L1_A <differs>\nmore", 0.5, "menu.yaml"),
    ]
    write_junit(tmp_path / "out.xml", "p", checks)
    root = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert {key: root.get(key) for key in ("name", "tests", "failures", "time")} == {
        "name": "p",
        "tests": "2",
        "failures": "1",
        "time": "2.000",
    }
    first, second = root
    assert (first.get("classname"), first.findtext("system-out")) == ("p.cosim", "0 mismatches")
    failure = second.find("failure")
    assert failure is not None
    assert failure.get("message") in ("L1_A <differs>\nmore", "L1_A <differs> more")
    assert github_lines(checks) == [
        "::error file=menu.yaml,title=menu m%2C 50%25::L1_A <differs>%0Amore",
        "::notice title=l1forge::1 of 2 checks passed",
    ]
    assert badge(checks[:1])["message"] == "exact"
    assert badge(checks) == {
        "schemaVersion": 1,
        "label": "co-verification",
        "message": "1 of 2 differ",
        "color": "red",
    }


def test_verify_outside_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["verify"])
    assert end.value.code == 2
    assert "there is no project here" in capsys.readouterr().err
