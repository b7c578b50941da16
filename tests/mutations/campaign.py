"""Runs the worker for one kind of file, once more behind every variation that ended the process.

``python tests/mutations/campaign.py [-n COUNT] [--seed SEED] [KIND ...]``, also ``make mutations``,
prints what failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

WORKER = Path(__file__).resolve().with_name("worker.py")
KINDS = (
    *("menu-xml", "menu-yaml", "menu-json", "graph", "vector", "parquet", "dense", "hdf5", "nanoaod"),
    *("tmva", "xgboost", "description", "registers", "prescales", "scheme", "project"),
    *("package-types", "package-network", "package-columns", "onnx"),
)


def failures(kind: str, seed: int, count: int) -> list[str]:
    """What ended in anything but a right answer or one line: one entry per variation."""
    found, first = [], 0
    while first < count:
        with tempfile.TemporaryDirectory(prefix="l1forge_mutations_") as folder:
            done = subprocess.run(
                [sys.executable, str(WORKER), kind, str(seed), str(first), str(count - first)],
                cwd=folder,
                env={**os.environ, "TERM": "dumb"},
                capture_output=True,
                text=True,
            )
        said = done.stdout.splitlines()
        found += [f"{kind} seed {seed} {line}" for line in said if line.startswith("WRONG")]
        if said and said[-1].startswith("done"):
            print(f"{kind}: {said[-1]}", flush=True)
            break
        if not said:
            return [*found, f"{kind}: cannot start: {done.stderr[-2000:]}"]
        last = next(line for line in reversed(said) if line[0].isdigit())
        hung = done.returncode == -signal.SIGALRM
        how = "hangs" if hung else f"process ended with {done.returncode}: {done.stderr[-800:]}"
        found.append(f"{kind} seed {seed} {last}: {how}")
        first = int(last.split()[0]) + 1
    return found


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("-n", "--count", type=int, default=200, help="variations of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = [line for kind in options.kinds for line in failures(kind, options.seed, options.count)]
    print("\n".join(found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
