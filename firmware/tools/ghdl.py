"""GHDL from PATH, or unpacked from Debian's packages into the cache: `python -m l1forge.firmware.tools.ghdl`.

GHDL's synthesis turns VHDL into Verilog, which the open simulators and Yosys read.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import cache_folder
from l1forge.emulator.trust import trusted_folder
from l1forge.firmware.tools import children

PACKAGES = ("ghdl-mcode", "ghdl-common")
RUNTIME = re.compile(r"Depends: (libgnat-\d+)")  # ghdl-mcode's Ada run-time; its number changes by release


@dataclass(frozen=True)
class Ghdl:
    """A GHDL program and the environment it needs."""

    program: str
    environment: dict[str, str]

    def run(self, arguments: list[str], folder: Path) -> str:
        """Run GHDL in ``folder`` and return its standard output.

        Raises
        ------
        InputError
            If it fails; the first lines of what it said are given.
        """
        done = children.run([self.program, *arguments], cwd=folder, env=self.environment)
        if done.returncode:
            said = " | ".join(line for line in done.stderr.splitlines() if "error" in line)[:400]
            raise InputError(f"ghdl failed: {said or done.stderr[:400]}", file=folder, field=arguments[0])
        return done.stdout


def find_ghdl(cache: Path | None = None) -> Ghdl:
    """GHDL from PATH, from the cache, or downloaded into the cache.

    Raises
    ------
    InputError
        If there is none and the packages cannot be had: a check that cannot run has failed.
    """
    installed = shutil.which("ghdl")
    if installed is not None:
        return Ghdl(installed, dict(os.environ))
    remedy = "set L1FORGE_CACHE to a folder of your own"
    root = trusted_folder((cache or cache_folder()).resolve(), remedy) / "ghdl"
    if not (root / "usr/bin/ghdl-mcode").exists():
        _unpack(root)
    library = os.pathsep.join(filter(None, [str(_libraries(root)), os.environ.get("LD_LIBRARY_PATH", "")]))
    return Ghdl(
        str(root / "usr/bin/ghdl-mcode"),
        {**os.environ, "GHDL_PREFIX": str(root / "usr/lib/ghdl/mcode"), "LD_LIBRARY_PATH": library},
    )


def _libraries(root: Path) -> Path:
    found = sorted(root.glob("usr/lib/*/libgnat-*.so*"))
    return found[0].parent if found else root / "usr/lib"


def _unpack(root: Path) -> None:
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise _missing(f"{tool} is not here to fetch it")
    root.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=root.parent, prefix=".ghdl-"))
    try:
        temporary.chmod(0o755)
        depends = _call(["apt-cache", "depends", "ghdl-mcode"], temporary)
        _call(["apt-get", "download", *PACKAGES, *RUNTIME.findall(depends)[:1]], temporary)
        for package in temporary.glob("*.deb"):
            _call(["dpkg-deb", "--extract", str(package), str(temporary)], temporary)
            package.unlink()
        try:
            temporary.rename(root)
        except OSError:
            if not (root / "usr/bin/ghdl-mcode").exists():  # another process may have been first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _call(command: list[str], folder: Path) -> str:
    done = children.run(command, cwd=folder)
    if done.returncode:
        raise _missing(f"{' '.join(command[:2])} failed: {done.stderr.strip()[:200]}")
    return done.stdout


def _missing(reason: str) -> InputError:
    return InputError(
        f"ghdl is not installed and cannot be fetched ({reason})",
        field="PATH",
        value="ghdl",
        remedy="install ghdl (Debian: apt install ghdl)",
    )


if __name__ == "__main__":
    print(find_ghdl().program)
