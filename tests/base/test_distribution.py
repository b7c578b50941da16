"""Files for other people's CI and packagers: they parse, and agree with pyproject.toml and the commands."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.main import get_command

from l1forge.commands.verify import app
from l1forge.emulator.errors import InputError
from l1forge.studies.scaffold import new_project

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CONDA_NAMES = {"matplotlib-base": "matplotlib"}


def options() -> set[str]:
    """The options of l1forge verify."""
    return {name for option in get_command(app).params for name in option.opts}


def test_the_action() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert all(step.get("shell") == "bash" for step in action["runs"]["steps"] if "run" in step)
    assert not [text for text in scripts if "${{" in text]  # a value never becomes a part of a script
    for text in scripts:
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == set(action["inputs"])
    (call,) = [line for line in scripts[-1].splitlines() if line.startswith("l1forge verify")]
    assert set(re.findall(r"--[\w-]+", call)) <= options()
    extras = re.search(r"l1forge\[([\w,]+)\] @ file", scripts[0])
    assert extras is not None
    assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_gitlab_component() -> None:
    text = (ROOT / "templates/verify.yml").read_text(encoding="utf-8")
    head, job = yaml.safe_load_all(text)
    used = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text))
    assert used == set(head["spec"]["inputs"])
    (verify,) = job.values()
    for line in verify["script"]:
        subprocess.run(["bash", "-n"], input=line, text=True, check=True)
    assert set(re.findall(r"--[\w-]+", verify["script"][-1])) <= options()
    assert verify["artifacts"]["reports"]["junit"].endswith("build/verify.xml")


def rendered() -> Any:
    """The recipe as conda build reads it."""
    text = (ROOT / "recipe/meta.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(
        jinja2.Environment(autoescape=False).from_string(text).render(environ={}, PYTHON="python")
    )


def test_the_recipe_has_the_dependencies_of_the_package() -> None:
    recipe = rendered()
    wanted = {canonicalize_name(r.name): r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    listed = {}
    for text in recipe["requirements"]["run"]:
        name, _, specifier = text.partition(" ")
        listed[canonicalize_name(CONDA_NAMES.get(name, name))] = Requirement(f"x{specifier}").specifier
    assert str(listed.pop("python")) == str(Requirement(f"x{PROJECT['requires-python']}").specifier)
    assert listed == wanted


def test_the_recipe_has_version_and_entry_points_of_the_package() -> None:
    recipe = rendered()
    assert recipe["package"] == {
        "name": PROJECT["name"],
        "version": PYPROJECT["tool"]["setuptools_scm"]["fallback_version"],
    }
    assert recipe["build"]["entry_points"] == [f"{k} = {v}" for k, v in PROJECT["scripts"].items()]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert (ROOT / "recipe" / recipe["source"]["path"]).resolve() == ROOT
    assert (ROOT / recipe["about"]["license_file"]).is_file()
    needed = {canonicalize_name(Requirement(text).name) for text in PYPROJECT["build-system"]["requires"]}
    assert needed <= set(recipe["requirements"]["host"])


def test_the_container_needs_no_network() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    installs = [
        part for word, rest in steps if word == "RUN" for part in rest.split("&&") if "pip install" in part
    ]
    assert len(installs) == 2
    assert all("--no-index" in part for part in installs)
    assert not [rest for _, rest in steps if re.search(r"\b(apt|apt-get|curl|wget|git)\b", rest)]
    (copied,) = [rest.split() for word, rest in steps if word == "COPY"]
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert allowed == ["*", *(f"!{name}" for name in copied[:-1])]
    version = re.search(r"python:(\d+\.\d+)-", "\n".join(lines))
    assert version is not None
    assert version[1] in (ROOT / "Makefile").read_text(encoding="utf-8")  # the lock is of this Python
    entry = yaml.safe_load(dict(steps)["ENTRYPOINT"])  # type: ignore[arg-type]
    assert entry == [*PROJECT["scripts"]]


@pytest.mark.parametrize(
    "install",
    [
        "l1forge[firmware,train,cosim]",
        "l1forge[firmware,train,cosim] @ git+https://gitlab.cern.ch/group/l1forge@v0.1.0",
        "wheels/l1forge-0.1.0-py3-none-any.whl",
    ],
)
def test_a_projects_ci_installs_what_it_was_told(install: str, tmp_path: Path) -> None:
    new_project("mine", "bdt", tmp_path / "p", install)
    github = yaml.safe_load((tmp_path / "p/.github/workflows/verify.yml").read_text(encoding="utf-8"))
    gitlab = yaml.safe_load((tmp_path / "p/.gitlab-ci.yml").read_text(encoding="utf-8"))
    assert github["env"]["L1FORGE"] == gitlab["variables"]["L1FORGE"] == install
    scripts = [step["run"] for step in github["jobs"]["verify"]["steps"] if "run" in step]
    for script in (scripts, gitlab["verify"]["script"]):
        assert '"$L1FORGE"' in script[0]
        assert set(re.findall(r"--[\w-]+", script[1])) <= options()


@pytest.mark.parametrize("install", ['a"; rm -rf /', "$(id)", "`id`", "", "--index-url x", "a\nb", "a'b"])
def test_what_pip_cannot_install_is_refused(install: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is nothing that pip installs"):
        new_project("mine", "bdt", tmp_path / "p", install)
    assert not (tmp_path / "p").exists()
