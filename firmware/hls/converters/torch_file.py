"""PyTorch files: exported programs, and whole networks made of ``torch.nn`` layers; never other pickles."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first bytes of a file of PyTorch before 1.6: a pickle of the number that marks it."""
AGAIN = (
    "load it where you trust it with torch.load(file, map_location='cpu', weights_only=False), then write it"
    " with torch.save, or with torch.export.save"
)
EXPORT = "save it with torch.export.save(torch.export.export(network.eval(), (example,)), 'network.pt2')"


def load_torch(path: str | Path) -> Any:
    """The ``ExportedProgram`` of a ``.pt2`` file, or the network of a file written by ``torch.save``.

    A file of ``torch.save`` may hold ``torch.nn`` layers and tensors only: nothing else is unpickled.

    Raises
    ------
    InputError
        If the file cannot be read, holds weights without a network, or other Python classes.
    """
    import torch

    path = Path(path)
    with path.open("rb"):  # a missing file is told as such
        pass
    try:
        with _silent():
            if path.suffix == ".pt2":
                return torch.export.load(path)
            layers = [kind for kind in vars(torch.nn).values() if _is_layer(kind)]
            with torch.serialization.safe_globals([*layers, set]):
                network = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle, runtime and schema errors
        told = str(error)
        found = re.search(r"GLOBAL (\S+)", told)
        if found:
            problem = f"holds the Python class {found.group(1)}, which is not loaded from files"
        elif _is_legacy(path) and "persistent_load" in told:
            kind = "of a CUDA network " if _names_cuda(path) else ""
            problem = (
                f"is a file {kind}in PyTorch's format before 1.6, whose classes are not loaded from files"
            )
            raise InputError(problem, file=path, remedy=AGAIN) from error
        elif "TorchScript" in told:
            problem = "is a TorchScript archive, which cannot be traced"
        else:
            problem = "cannot be read as a PyTorch file: it is damaged or of another kind"
        raise InputError(problem, file=path, remedy=EXPORT) from error
    if not isinstance(network, torch.nn.Module):
        problem = "holds no network" if not isinstance(network, dict) else "holds weights without a network"
        raise InputError(problem, file=path, value=type(network).__name__, remedy=EXPORT)
    return network


def _is_legacy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(LEGACY)) == LEGACY


def _names_cuda(path: Path) -> bool:
    """Whether tensors of the file lay on a GPU: the pickle says so beside each."""
    return re.search(rb"cuda:\d|torch\.cuda", path.read_bytes()) is not None


def _is_layer(kind: object) -> bool:
    import torch

    return isinstance(kind, type) and issubclass(kind, torch.nn.Module)


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what torch logs about a file before it raises the same."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
