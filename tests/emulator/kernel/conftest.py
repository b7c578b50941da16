"""A cache of compiled objects that the tests do not share with anyone."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    patch = pytest.MonkeyPatch()
    patch.setenv("L1FORGE_CACHE", str(tmp_path_factory.mktemp("kernels")))
    yield
    patch.undo()
