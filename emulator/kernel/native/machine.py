"""IR to callable machine code: target choice, object files cached on disk, loading.

An object file is a pure function of the IR text and of the CPU it is for; the cache key is the hash of both
and of the LLVM version. The IR holds numbers only, never a name from a graph. A stored object begins with the
digest of its key and its body, so that another kernel's object under this kernel's name is not executed; and
the folder must be one that only this user can write to (``emulator.trust``).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import cache_place
from l1forge.emulator.kernel.native.vectors import Target
from l1forge.emulator.trust import trusted_folder

NEEDED = ("avx512f", "avx512bw", "avx512vl", "avx512vnni")


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def host_features() -> dict[str, bool]:
    """LLVM's feature flags of this CPU."""
    return dict(llvm.get_host_cpu_features())


def host_target() -> Target:
    """Dot-product instructions if this CPU has them; ``L1FORGE_PORTABLE=1`` forces generic vectors."""
    has = all(host_features().get(name, False) for name in NEEDED)
    if not has or os.environ.get("L1FORGE_PORTABLE") == "1":
        return Target(dot_products=False)
    return Target(dot_products=True, permute_bytes=host_features().get("avx512vbmi", False))


def signature(target: Target) -> str:
    """What a compiled object depends on besides its program: CPU, features, LLVM."""
    features = ",".join(sorted(name for name, on in host_features().items() if on))
    return f"{llvm.get_host_cpu_name()} {features} {llvm.llvm_version_info} {target}"


def compile_object(text: str) -> bytes:
    """Object code of IR text for this CPU, with full-width vectors."""
    _initialise()
    module = llvm.parse_assembly(text)
    module.verify()
    features = llvm.get_host_cpu_features()
    features["prefer-256-bit"] = False  # LLVM's default for several CPUs halves the vectors
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=3, jit=True, reloc="pic"
    )
    return bytes(machine.emit_object(module))


class Machine:
    """One loaded object; ``call(inputs, outputs, scratch, first tile, last tile)`` tells of bad input.

    ``calls`` has every one of ``functions`` under its name; ``call`` is the first.
    """

    _loaded = 0

    def __init__(self, image: bytes, functions: Sequence[str] = ("kernel",)) -> None:
        _initialise()
        Machine._loaded += 1
        self._jit: Any = llvm.create_lljit_compiler()
        builder = llvm.JITLibraryBuilder().add_object_img(image)
        for name in functions:
            builder.export_symbol(name)
        self._tracker = builder.link(self._jit, f"l1forge_{Machine._loaded}")
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        prototype = ctypes.CFUNCTYPE(ctypes.c_int64, pointer, pointer, pointer, integer, integer)
        self.calls = {name: prototype(int(self._tracker[name])) for name in functions}
        self.call = self.calls[functions[0]]


def load_or_compile(
    key: str, source: Callable[[], str], functions: Sequence[str] = ("kernel",)
) -> tuple[Machine, bool]:
    """The machine code for ``key`` with its ``functions``; ``source()`` writes the IR if the cache has none.

    Returns
    -------
    The loaded code, and whether it came from the cache.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()
    path: Path | None = None
    try:
        path = trusted_folder(cache_place(), "set L1FORGE_CACHE to a folder of your own") / f"{digest}.o"
        image = path.read_bytes()
        checksum, body = image[:32], image[32:]
        if _checksum(key, body) == checksum:
            return Machine(body, functions), True
    except OSError:
        pass
    body = compile_object(source())
    try:
        if path is not None:
            with atomic_path(path) as temporary:
                Path(temporary).write_bytes(_checksum(key, body) + body)
    except (OSError, InputError):
        pass  # a read-only home costs a compilation per start, nothing else
    return Machine(body, functions), False


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(key.encode()).digest() + body).digest()
