"""Results of earlier runs, kept in the cache folder under the digest of the run and found again there.

The digest covers the Verilog, the options and the version of the tool (``yosys._digest``), so that a kept
result is what a new run would find. It holds for every folder and every name of a model: a design that was
synthesised for one project costs nothing in the next. ``make clean`` (or removing the folder ``synth`` of the
cache) forgets them all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import cache_folder

SUMS = "sums.json"
"""SHA-256 of every kept file: a result that was damaged is made again, not believed."""


def place(digest: str) -> Path:
    """The folder of a run's files in the cache, which may not exist."""
    return cache_folder() / "synth" / digest


def recall(digest: str, target: Path) -> bool:
    """Copy the files of the run ``digest`` into the folder ``target``; False if missing or damaged."""
    try:
        source = place(digest)
        sums = json.loads((source / SUMS).read_text(encoding="utf-8"))
        with atomic_files(target) as temporary:
            for name, expected in sums.items():
                if Path(name).name != name:
                    raise ValueError(name)
                shutil.copyfile(source / name, temporary / name)
                if _sum(temporary / name) != expected:
                    raise ValueError(name)
    except (OSError, ValueError, AttributeError, InputError):
        return False
    return True


def keep(digest: str, folder: Path) -> None:
    """Copy the files of ``folder`` into the cache; where that cannot be written to, nothing is kept."""
    with contextlib.suppress(InputError, OSError):
        target = place(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files(target) as temporary:
            sums = {}
            for file in sorted(folder.iterdir()):
                if file.is_file():
                    shutil.copyfile(file, temporary / file.name)
                    sums[file.name] = _sum(temporary / file.name)
            (temporary / SUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
