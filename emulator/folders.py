"""Where generated files go. The one home of both answers: caches (made once, can be made again) and builds.

Neither ever lies in ``site-packages``: an installed l1forge writes caches to the user's cache folder and
builds below the current directory; a checkout keeps both in the repository, where ``make clean`` finds them.
Inside a user's project (``l1forge.toml``) builds go below that project.
"""

from __future__ import annotations

import os
from pathlib import Path

from l1forge.emulator.errors import InputError

CACHE, BUILD = "L1FORGE_CACHE", "L1FORGE_BUILD"
"""Environment variables that choose another folder."""
PROJECT, PROJECT_FILE = "L1FORGE_PROJECT", "l1forge.toml"
"""Environment variable that names a project or its file; the file at the root of a project."""


def project_file() -> Path | None:
    """The file of the user's project: named by ``$L1FORGE_PROJECT``, else in the current folder or above.

    Raises
    ------
    InputError
        If the variable names no such file.
    """
    if named := os.environ.get(PROJECT):
        file = Path(named) / PROJECT_FILE if Path(named).is_dir() else Path(named)
        if not file.is_file():
            remedy = f"name a {PROJECT_FILE} or its folder"
            raise InputError("is not a project", field=PROJECT, value=named, remedy=remedy)
        return file.resolve()
    here = Path.cwd()
    return next((f / PROJECT_FILE for f in (here, *here.parents) if (f / PROJECT_FILE).is_file()), None)


def repository() -> Path | None:
    """The folder of the checkout that this package runs from; None for an installed package."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() and (folder / "emulator").is_dir() else None


def cache_place() -> Path:
    """The cache folder, which may not exist yet: ``$L1FORGE_CACHE``, else ``.cache`` of a writable checkout,
    else the user's cache folder (Linux: ``$XDG_CACHE_HOME/l1forge`` or ``~/.cache/l1forge``)."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen).resolve()
    if (root := repository()) and os.access(root, os.W_OK):
        return root / ".cache"
    import platformdirs  # only here: each start would pay for it

    return platformdirs.user_cache_path("l1forge", appauthor=False)


def cache_folder() -> Path:
    """As ``cache_place``; a folder named by ``$L1FORGE_CACHE`` is made.

    Raises
    ------
    InputError
        If that folder cannot be made.
    """
    place = cache_place()
    return _made(place, CACHE) if os.environ.get(CACHE) else place


def build_folder() -> Path:
    """``$L1FORGE_BUILD`` (made), else ``build`` of the project, of a writable checkout, of this folder.

    Raises
    ------
    InputError
        If the folder named by ``$L1FORGE_BUILD`` cannot be made.
    """
    if chosen := os.environ.get(BUILD):
        return _made(Path(chosen).resolve(), BUILD)
    if project := project_file():
        return project.parent / "build"
    if (root := repository()) and os.access(root, os.W_OK):
        return root / "build"
    return Path("build").resolve()


def variant(name: str, stages: int | None, period_ns: float | None) -> str:
    """The folder of a design that was not cut by the default: its stages and period stand in the name."""
    usual = stages is None and period_ns is None
    return name if usual else f"{name}-{stages or 'auto'}-{period_ns or 'default'}"


def _made(folder: Path, variable: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be made: {error.strerror}", file=folder, field=variable, remedy="choose another folder"
        ) from error
    return folder
