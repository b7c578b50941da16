"""The whole way of a user's own model in an empty folder: `python tests/base/whole_way.py [FOLDER]`.

Scaffold, train, rates, seed with a rate, path, co-verification, synthesis, exports for the offline software
and the global trigger, `verify`. Then one constant of the exported C++, one wire of the exported VHDL and one
threshold of the menu are changed, and `verify` must say which one each time. Two minutes or more; ends with
exit code 1 at the first step that is not as it should be.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

NAME = "walk"


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run one command of l1forge; its output. SystemExit if it ends with another exit code than ``code``."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "l1forge", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    print(f"{time.perf_counter() - started:6.1f} s  l1forge {' '.join(arguments)}", flush=True)
    if done.returncode != code:
        print(done.stdout, done.stderr, sep="\n")
        raise SystemExit(f"exit code {done.returncode}, {code} expected")
    return done.stdout + done.stderr


def changed(file: Path, pattern: str, new: str) -> str:
    """Replace the first match of ``pattern`` in ``file``; the text before."""
    text = file.read_text(encoding="utf-8")
    found, count = re.subn(pattern, new, text, count=1)
    if not count:
        raise SystemExit(f"{file}: {pattern} not found")
    file.write_text(found, encoding="utf-8")
    return text


def failures(folder: Path) -> list[str]:
    """Kinds of the checks that failed, from JUnit."""
    root = ElementTree.parse(folder / "build/verify.xml").getroot()
    return [case.get("classname", "").rpartition(".")[2] for case in root if case.find("failure") is not None]


def demand_failure(folder: Path, file: Path, pattern: str, new: str, *kinds: str) -> None:
    """Change one thing; ``verify`` must fail in checks of ``kinds``, all of them, and nowhere else."""
    before = changed(file, pattern, new)
    said = run(folder, "verify", "-n", "500", "--junit", "build/verify.xml", code=1)
    if set(failures(folder)) != set(kinds):
        print(said)
        raise SystemExit(f"{file}: failing checks are {failures(folder)}, {kinds} expected")
    file.write_text(before, encoding="utf-8")


def main(place: Path) -> None:
    """Go the whole way in ``place``."""
    run(place, "new", NAME, "--kind", "vae")
    folder = place / NAME
    run(folder, "train", NAME, "--epochs", "2")
    run(folder, "rates", NAME, "-o", "build/rates")
    run(folder, "menu", "add", "menu.yaml", "--score", NAME, "--rate", "10kHz", "--pure")
    run(folder, "path", "--orbits", "20", "--json", "build/path.json")
    run(folder, "cosim", NAME, "-n", "5000")
    run(folder, "synth", NAME)
    run(folder, "export-cmssw", NAME, "-o", "build/cmssw")
    run(folder, "export-ugt", NAME, "--menu", "menu.yaml", "-n", "500", "-o", "build/ugt")
    exports = 'crossings = 500\nexports = ["build/cmssw", "build/ugt"]'
    changed(folder / "l1forge.toml", r"crossings = 20000", exports)
    run(folder, "verify", "--junit", "build/verify.xml")
    if failures(folder):
        raise SystemExit(f"failing checks: {failures(folder)}")
    (cpp,) = (folder / "build/cmssw/NN").glob("*.h")
    demand_failure(folder, cpp, WEIGHT, r"\g<1>1\g<2>", "export")
    (core,) = (folder / "build/ugt").glob(f"gtl/**/{NAME}_v1.vhd")
    demand_failure(folder, core, r"jets_0\(10 downto 0\)", "jets_1(10 downto 0)", "export")
    menu = (folder / "menu.yaml").read_text(encoding="utf-8")
    (threshold,) = re.findall(rf"SCORE\({NAME}\) >= (\d+)", menu)
    demand_failure(
        folder, folder / "menu.yaml", rf">= {threshold}", f">= {int(threshold) + 1}", "thresholds", "export"
    )
    print("the whole way: as it should be")


WEIGHT = r"(\[\d{2,}\] = \{-?)(\d)"
"""The first number of a table of ten or more in the exported C++; a digit more makes it another one."""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="l1forge-way-") as scratch:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch))
