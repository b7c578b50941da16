"""Fill the templates beside this file with a name and write them into an empty folder."""

from __future__ import annotations

import keyword
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError

KINDS = {
    "vae": "a variational autoencoder trained on zero bias (PyTorch); its score is the sum of squared means.",
    "network": "a small network (PyTorch) that tells tt̄ from zero bias.",
    "bdt": "boosted decision trees (XGBoost) that tell tt̄ from zero bias.",
    "muon": "a small network (PyTorch) on the two leading muons that tells Z→µµ from zero bias with a muon.",
}
"""Kind -> what its example does."""
SUFFIX = ".in"
INSTALL = "l1forge[firmware,train,cosim]"
"""What the project's CI installs unless it is told something else."""
DOTTED = ("gitignore", "gitlab-ci.yml", "github")
"""Templates of files and folders whose names begin with a dot; packages cannot hold such folders."""


@dataclass(frozen=True)
class NewProject:
    """A project that was written: its folder, its files in order, and whether git was initialised."""

    folder: Path
    kind: str
    files: tuple[str, ...]
    git: bool


def new_project(
    name: str, kind: str = "network", folder: str | Path | None = None, install: str = INSTALL
) -> NewProject:
    """Write a project with a model of ``kind`` (``KINDS``) called ``name``, ready for `make demo`.

    Parameters
    ----------
    name
        Name of model, project and menu seed: a Python identifier in lower case.
    kind
        One of ``KINDS``.
    folder
        Folder to write, which must not exist or be empty; default: ``name`` in the current folder.
    install
        What pip installs in CI: a requirement with extras, a git URL or a wheel.

    Raises
    ------
    InputError
        If the name cannot be used, the kind is unknown, the folder is not empty, or ``install`` has
        characters that CI files or shells read as something else.
    """
    from l1forge.models.registry import own_models

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(
            "is not a name for a model",
            field="NAME",
            value=name,
            remedy="use lower-case letters, digits and _, beginning with a letter, such as my_trigger",
        )
    if name in own_models():
        raise InputError("is a model of l1forge", field="NAME", value=name, remedy="choose another")
    if kind not in KINDS:
        raise InputError("is not a kind", field="--kind", value=kind, remedy=f"kinds: {', '.join(KINDS)}")
    if not re.fullmatch(r"[\w\-.+~:/@,=<>!\[\] #&%]+", install, re.ASCII) or install.startswith("-"):
        remedy = f"such as {INSTALL}, l1forge[firmware,train,cosim] @ git+https://HOST/GROUP/l1forge@v0.1.0"
        raise InputError("is nothing that pip installs", field="--install", value=install, remedy=remedy)
    target = Path(folder) if folder is not None else Path(name)
    if target.exists() and not target.is_dir():
        raise InputError("is not a folder", file=target, remedy="choose a new folder with --output")
    if target.is_dir() and any(target.iterdir()):
        raise InputError("is not empty", file=target, remedy="choose an empty or new folder with --output")
    words = {"name": name, "kind": kind, "about": KINDS[kind], "install": install}
    templates = files("l1forge.studies.scaffold") / "templates"
    content = _filled(templates / "common", words)
    content |= {f"models/{name}/{file}": text for file, text in _filled(templates / kind, words).items()}
    with atomic_files(target) as work:
        for file, text in content.items():
            (work / file).parent.mkdir(parents=True, exist_ok=True)
            (work / file).write_text(text, encoding="utf-8")
    return NewProject(target, kind, tuple(sorted(content)), _git(target))


def _filled(folder: Traversable, words: dict[str, str], place: str = "") -> dict[str, str]:
    """File -> content of all templates below ``folder``, ``{{word}}`` replaced in names and texts."""
    found: dict[str, str] = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = item.name.removesuffix(SUFFIX)
        path = place + ("." if name in DOTTED else "") + name
        if item.is_dir():
            found |= _filled(item, words, f"{path}/")
        elif item.name.endswith(SUFFIX):
            found[_replaced(path, words)] = _replaced(item.read_text(encoding="utf-8"), words)
    return found


def _replaced(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace("{{" + word + "}}", value)
    return text


def _git(folder: Path) -> bool:
    """Initialise git in ``folder`` where git is installed and no repository holds it already."""
    git = shutil.which("git")
    if git is None:
        return False
    inside = subprocess.run([git, "rev-parse", "--git-dir"], cwd=folder, capture_output=True, check=False)
    if inside.returncode == 0:
        return False
    made = subprocess.run([git, "init", "--quiet"], cwd=folder, capture_output=True, check=False)
    return made.returncode == 0
