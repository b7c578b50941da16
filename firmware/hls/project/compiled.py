"""A generated project compiled with g++ and called from Python, on integers."""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.trust import trusted_folder
from l1forge.firmware.hls.project.bridge import ap_types, bridge_text, own_bridge
from l1forge.firmware.hls.project.parse import read_source
from l1forge.firmware.hls.project.source import Source
from l1forge.firmware.tools import children

OPTIMISED, QUICK = "-O2", "-O0"


def _run(command: list[str], folder: Path) -> None:
    try:
        result = children.run(command, cwd=folder)
    except FileNotFoundError as error:
        raise InputError("compiler not found", field="g++", remedy="install g++") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line][:3]
        raise InputError(
            "g++ does not compile the project", file=folder, value=" | ".join(lines) or result.stderr[-300:]
        )


def compile_project(
    folder: str | Path,
    optimisation: str = OPTIMISED,
    sizes: Mapping[str, int] | None = None,
    defines: Mapping[str, str] | None = None,
) -> Path:
    """Compile the project's C++ with its own bridge, or one written here; returns the shared library.

    Parameters
    ----------
    sizes
        Elements of each argument of the top function, where a stream without a bridge does not tell.
    defines
        Macros that the build sets.

    A library of an earlier call is used again if nobody else can write to its folder (``emulator.trust``)
    and the digest beside it is that of this project and of the library's content.

    Raises
    ------
    InputError
        If g++ is missing or rejects the project.
    """
    folder = Path(folder).resolve()
    source = read_source(folder, defines)
    flags = [
        optimisation,
        "-fPIC",
        "-shared",
        "-std=c++17",
        "-fno-gnu-unique",
        "-w",
        "-I.",
        f"-I{ap_types(source)}",
        f'-DWEIGHTS_DIR="{folder / "firmware" / "weights"}"',
        *(f"-D{name}={value}" for name, value in sorted((defines or {}).items())),
    ]
    # a new name for a new build, because a library once loaded is not loaded again under its old name
    stamp = hashlib.sha256()
    for path in sorted((folder / "firmware").glob("*.[ch]*")):
        stamp.update(path.read_bytes())
    for path in sorted((folder / "firmware" / "nnet_utils").glob("*.h")):
        stamp.update(path.read_bytes())
    for path in sorted((folder / "firmware" / "weights").glob("*")):
        stamp.update(path.read_bytes())
    given = own_bridge(source)
    bridge = given.read_text(encoding="utf-8") if given is not None else bridge_text(source, sizes or {})
    stamp.update(bridge.encode())
    stamp.update(" ".join(flags).encode())
    place = trusted_folder(folder / "firmware", "copy the project to a folder of your own")
    library = place / f"{source.name}-{stamp.hexdigest()[:16]}.so"
    noted = library.with_suffix(".sha256")
    if not library.exists() or not noted.exists() or noted.read_text() != _digest(library, stamp.digest()):
        temporary = library.with_suffix(f".{os.getpid()}.partial")
        with tempfile.TemporaryDirectory(prefix="l1forge_bridge_") as beside:
            written = Path(beside, f"{source.name}_bridge.cpp")
            written.write_text(bridge, encoding="utf-8")
            sources = [f"firmware/{source.name}.cpp", str(given or written)]
            if (folder / "firmware" / f"{source.name}_axi.cpp").exists():  # VivadoAccelerator
                sources.append(f"firmware/{source.name}_axi.cpp")
            _run(["g++", *flags, *sources, "-o", str(temporary)], folder)
        digest = _digest(temporary, stamp.digest())
        temporary.replace(library)
        write_text(noted, digest)
    return library


def _digest(library: Path, key: bytes) -> str:
    return hashlib.sha256(key + hashlib.sha256(library.read_bytes()).digest()).hexdigest()


class CompiledProject:
    """The compiled C++ of a project, exact on integers.

    Values pass through ``double``, which holds every integer of up to 53 bits: wider types are refused.
    """

    def __init__(
        self,
        folder: str | Path,
        optimisation: str = OPTIMISED,
        sizes: Mapping[str, int] | None = None,
        defines: Mapping[str, str] | None = None,
    ) -> None:
        self.source: Source = read_source(folder, defines)
        for name, size in (sizes or {}).items():  # a stream without a bridge has none of its own
            kind, own = self.source.arrays[name]
            self.source.arrays[name] = kind, own or size
        self.library = compile_project(folder, optimisation, sizes, defines)
        self._function = getattr(ctypes.CDLL(str(self.library)), f"{self.source.name}_double")
        self.inputs, self.outputs = self.source.inputs, self.source.outputs

    def _type(self, name: str) -> Any:
        kind = self.source.type(self.source.arrays[name][0]).fixed
        if kind.width > 53:
            raise InputError("is too wide to pass exactly through double", field=name, value=str(kind))
        return kind

    def __call__(self, inputs: Sequence[NDArray[Any]] | NDArray[Any]) -> list[NDArray[np.int64]]:
        """Run the top function event by event.

        Parameters
        ----------
        inputs
            One integer array of shape (n, ...) per input of the project, in LSBs of its type.

        Returns
        -------
        One int64 array of shape (n, size) per output, in LSBs of its type.
        """
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
        count = len(arrays[0])
        floats = []
        for name, array in zip(self.inputs, arrays, strict=True):
            kind = self._type(name)
            flat = np.asarray(array, dtype=np.float64).reshape(count, -1)
            if flat.shape[1] != self.source.arrays[name][1]:
                raise InputError(
                    f"expected {self.source.arrays[name][1]} elements per event",
                    field=name,
                    value=flat.shape[1],
                )
            floats.append(np.ascontiguousarray(np.ldexp(flat, -kind.fraction)))
        results = [np.zeros((count, self.source.arrays[name][1])) for name in self.outputs]
        pointer = ctypes.POINTER(ctypes.c_double)
        for event in range(count):
            self._function(*(a[event].ctypes.data_as(pointer) for a in (*floats, *results)))
        return [
            np.ldexp(values, self._type(name).fraction).astype(np.int64)
            for name, values in zip(self.outputs, results, strict=True)
        ]
