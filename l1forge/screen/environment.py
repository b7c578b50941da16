"""The environment variables that change what l1forge does: the one list, shown by --help and in the docs."""

from __future__ import annotations

VARIABLES = {
    "L1FORGE_CACHE": "folder of compiled kernels, pile-up pools, Verilator and GHDL"
    " (default: .cache of a checkout; installed: the user's cache folder, as ~/.cache/l1forge)",
    "L1FORGE_BUILD": "folder of generated projects, simulations and reports (default: build of a checkout;"
    " installed: build in the current directory)",
    "L1FORGE_PROJECT": "l1forge.toml of your project, or its folder (default: in this folder or above)",
    "L1FORGE_PORTABLE": "1: generic vectors instead of AVX-512 dot products; the integers are the same",
    "L1FORGE_VERBOSE": "1: show what TensorFlow, torch and hls4ml write to standard error",
    "WAVES": "1: l1forge cosim writes a waveform, as with --waves",
    "NUMBA_CACHE_DIR": "folder of Numba's compiled functions (default: beside the sources;"
    " installed: numba in the cache folder)",
}
"""Name -> what it does. docs/environment.md has the same table."""


def epilog() -> str:
    """The list as the last part of ``l1forge --help``."""
    rows = [f"{name} - {meaning}" for name, meaning in VARIABLES.items()]
    return "\n\n".join(["Environment variables (docs/environment.md):", *rows])


def markdown() -> str:
    """The list as the table of docs/environment.md."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items()]
    return "\n".join(["| variable | meaning |", "|---|---|", *rows])
