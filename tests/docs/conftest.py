"""The scripts in docs/tools are no package: tests load them by their file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docs_tool() -> Callable[[str], ModuleType]:
    """Loads docs/tools/NAME.py."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"docs_tool_{name}", ROOT / f"docs/tools/{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look up the module of a class
        spec.loader.exec_module(module)
        return module

    return load
