"""A Python package of an extra that is missing is named in one line, with the extra that brings it."""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterator
from contextlib import contextmanager

from l1forge.emulator.errors import InputError

MODULES = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost-cpu",
    "google": "protobuf",
    "cocotb_tools": "cocotb",
    "cocotbext": "cocotbext-axi",
}
"""Modules whose package has another name."""

_REQUIREMENT = re.compile(r"""([\w.-]+).*extra == ["']([\w-]+)["']""")


def extra_of(module: str) -> str | None:
    """The extra of l1forge that brings a Python module, as ``firmware`` for ``hls4ml.converters``.

    It is read from what the installed l1forge declares (pyproject.toml). None if no extra brings it.
    """
    top = module.partition(".")[0]
    return _extras().get(_normal(MODULES.get(top, top)))


@contextmanager
def naming_extras() -> Iterator[None]:
    """Within the block a missing package of an extra raises InputError with the command that installs it.

    Also a decorator: ``@naming_extras()``. Other missing modules are errors of the code and stay as they are.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if error.name is None or extra is None:
            raise
        raise InputError(
            "Python package is not installed",
            field=error.name.partition(".")[0],
            remedy=f"pip install 'l1forge[{extra}]'",
        ) from error


@functools.cache
def _extras() -> dict[str, str]:
    try:
        declared = importlib.metadata.requires("l1forge") or []
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        return {}
    found = (_REQUIREMENT.match(line) for line in declared)
    extras = dict[str, str]()
    for match in filter(None, found):
        extras.setdefault(_normal(match[1]), match[2])
    return extras


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
