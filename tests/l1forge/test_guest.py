"""l1forge is a guest in other people's process: it changes nothing that it does not own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from l1forge.emulator import folders
from tests.l1forge import guest


@pytest.mark.parametrize("action", ["import", "use", "extensions"])
def test_nothing_of_the_process_changes(action: str, tmp_path: Path) -> None:
    """Importing all modules, typical use, and Numba's third-party extensions (awkward) after both."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", guest.__file__, action],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], Any]] = {
    "environment": lambda patch: patch.setenv("TF_USE_LEGACY_KERAS", "changed"),
    "warnings filters": lambda patch: warnings.simplefilter("ignore", ResourceWarning),
    "logging": lambda patch: logging.disable(logging.CRITICAL),
    "NumPy error state": lambda patch: np.seterr(over="raise", under="raise"),
    "NumPy random state": lambda patch: np.random.seed(7),  # noqa: NPY002
    "sys.path": lambda patch: patch.syspath_prepend("/tmp"),
    "signal handlers": lambda patch: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "matplotlib settings": lambda patch: patch.setitem(matplotlib.rcParams, "font.size", 31.0),
    "current directory": lambda patch: patch.chdir("/"),
}


@pytest.mark.parametrize("aspect", FAULTS)
def test_a_change_is_told(aspect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = guest.state()
    handler, errors, disabled = signal.getsignal(signal.SIGUSR1), np.geterr(), logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            FAULTS[aspect](monkeypatch)
            assert list(guest.changes(before, guest.state())) == [aspect]
    finally:
        signal.signal(signal.SIGUSR1, handler)
        np.seterr(**errors)  # type: ignore[arg-type]
        logging.disable(disabled)


def test_an_installed_package_writes_to_the_users_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "l1forge" / "emulator" / "folders.py"
    monkeypatch.setattr(folders, "__file__", str(installed))
    for name in ("L1FORGE_CACHE", "L1FORGE_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.chdir(tmp_path)
    assert folders.repository() is None
    assert folders.cache_folder() == tmp_path / "caches" / "l1forge"
    assert folders.build_folder() == tmp_path / "build"


def test_a_checkout_keeps_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("L1FORGE_CACHE", "L1FORGE_BUILD"):
        monkeypatch.delenv(name, raising=False)
    root = folders.repository()
    assert root is not None
    if not os.access(root, os.W_OK):
        pytest.fail("the tests need a writable checkout")
    assert (folders.cache_folder(), folders.build_folder()) == (root / ".cache", root / "build")
