"""All commands of a base-only installation: `make test-base`.

The wheel is installed without extras beside a user's own folders `models/` and `emulator/`. Each command must
work, or end in one line that names the missing extra, with exit code 2; nothing may be written below
site-packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "firmware" / "bdt" / "data"

WORKS = (
    "--version",
    "--help",
    "emulate vae {sample} -o scores.parquet",
    "path --orbits 5 -o path.parquet",
    "rates vae -o rates",
    "menu compile {menu} -o menu.json",
    "menu show menu.json",
    "menu bench {menu} {sample}",
    "convert {sample} -o events.txt",
    "export-c vae -o vae_c",
    "report vae -o report.html",
    "simulate --list",
    "simulate-muons -n 100 -o muons.parquet",
    "import-bdt {data}/xgboost-3.2.0-squared.json -f fixed<12,4> --score fixed<16,6> -o bdt.json",
)
LACKS = {
    "simulate -n 10 -o simulated.parquet": "simulation",
    "train vae -o vae": "train",
    "train tau_id -o tau_id": "train",
    "train eg_iso -o eg_iso": "train",
    "train muon_pt -o muon_pt": "train",
    "evaluate tau_id -o evaluated": "train",
    "evaluate muon_pt -n 20000 -o muon_pt": "train",  # the network before quantisation is torch's
    "firmware vae -o hls": "train,firmware",
    "firmware tau_id -o hls": "firmware",
    "cosim vae -n 100": "firmware",
    "cosim-muons -n 100": "cosim",
    "synth vae": "firmware",
    "fuzz -n 1": "firmware",
    "bench": "train",
    "demo": "train,firmware",
    "import-model network.onnx -t fixed<16,6> -o network.json": "firmware",
    "import-model network.pt2 -t fixed<16,6> -o network.json": "train",
}
"""Command -> the extras that its message names: the first that it lacks, both where it needs two at once."""


def install(folder: Path) -> Path:
    """A new environment with the wheel and the base dependencies only; returns its folder of scripts."""
    python = folder / "venv" / "bin" / "python"
    venv.create(folder / "venv", clear=True, with_pip=True)
    wheels = folder / "wheel"
    # isolated: without setuptools-scm beside it, setuptools would call the version 0.0.0 and say nothing
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, ROOT])
    (wheel,) = wheels.glob("l1forge-*.whl")
    run([python, "-m", "pip", "install", "-q", wheel])
    return python.parent


def run(command: list[str | Path]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([str(word) for word in command], check=True, env=environment)


def site_packages(scripts: Path) -> Path:
    (folder,) = scripts.parent.glob("lib/python3.*/site-packages")
    return folder


def files(folder: Path) -> set[Path]:
    """Everything below ``folder`` but Python's own compiled modules."""
    return {path for path in folder.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__"}


def check(scripts: Path, work: Path) -> list[str]:
    """Run all commands in ``work``; returns what went wrong, one line a command."""
    package = site_packages(scripts) / "l1forge"
    names = {
        "sample": package / "simulation" / "sample" / "zerobias.parquet",
        "menu": package / "emulator" / "menu" / "default.yaml",
        "data": DATA,
    }
    own = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "L1FORGE", "NUMBA"))
    }
    own |= {
        "XDG_CACHE_HOME": str(work / "caches"),
        "PATH": os.pathsep.join([str(scripts), "/usr/bin", "/bin"]),
    }
    for name in ("models", "emulator"):  # a user's own packages of the same names
        (work / name).mkdir(parents=True)
        (work / name / "__init__.py").write_text(
            "raise RuntimeError('the folder of the user was imported')\n"
        )
    for name in ("network.onnx", "network.pt2"):
        (work / name).write_bytes(b"PK\x03\x04")
    faults = []
    for command, extra in [(command, None) for command in WORKS] + list(LACKS.items()):
        words = [word.format(**names) for word in command.split()]
        # `python -m` puts the current directory first on sys.path: the folders of the user come before ours
        done = subprocess.run(
            [scripts / "python", "-m", "l1forge", *words], cwd=work, env=own, capture_output=True, text=True
        )
        lines = done.stderr.strip().splitlines()
        if extra is None:
            good = done.returncode == 0
        else:
            good = done.returncode == 2 and len(lines) == 1 and f"'l1forge[{extra}]'" in lines[0]
        print(
            f"{'ok ' if good else 'BAD'} {done.returncode} l1forge {command}  {lines[-1] if lines else ''}",
            flush=True,
        )
        if not good:
            faults.append(f"l1forge {command}: exit code {done.returncode}: {done.stderr[-1000:].strip()}")
    return faults


def main() -> int:
    folder = ROOT / "build" / "base"
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    scripts = install(folder)
    package = site_packages(scripts)
    before = files(package)
    faults = check(scripts, folder / "work")
    faults += [f"written below site-packages: {path}" for path in sorted(files(package) - before)]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
