"""Where generated things go: ``.cache`` for tools made once, ``build`` for what a model was turned into."""

from __future__ import annotations

import os
from pathlib import Path

from l1forge.emulator.errors import InputError


def cache_folder() -> Path:
    """``$L1FORGE_CACHE``, else ``.cache`` beside the packages if that is writable, else the user's cache."""
    return _folder("L1FORGE_CACHE", ".cache", Path.home() / ".cache" / "l1forge")


def build_folder() -> Path:
    """``$L1FORGE_BUILD``, else ``build`` beside the packages if that is writable, else ``./build``."""
    return _folder("L1FORGE_BUILD", "build", Path("build"))


def variant(name: str, stages: int | None, period_ns: float | None) -> str:
    """The folder of a design that was not cut by the default: its stages and period stand in the name."""
    usual = stages is None and period_ns is None
    return name if usual else f"{name}-{stages or 'auto'}-{period_ns or 'default'}"


def _folder(variable: str, name: str, otherwise: Path) -> Path:
    if os.environ.get(variable):
        chosen = Path(os.environ[variable]).resolve()
        try:
            chosen.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot be made: {error.strerror}",
                file=chosen,
                field=variable,
                remedy="choose another folder",
            ) from error
        return chosen
    repository = Path(__file__).resolve().parents[2]
    return repository / name if os.access(repository, os.W_OK) else otherwise.resolve()
