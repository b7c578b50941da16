"""A disk that is full while a command writes: one line, exit code 2, and no part of the output is left."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.firmware.hls.translate.graph import write_project
from tests.l1forge.broken import random_events

LIMIT = 'ulimit -f 2; exec "$@"'
"""Files of at most 2 blocks: more than what is named cannot be written, as on a full disk."""


@pytest.mark.parametrize(
    "command",
    [
        "export-c vae -o new",
        "firmware tau_id -n 10 -o new",
        "convert events.parquet -o new.txt",
        "emulate vae events.parquet -o new.npz",
        "rates vae --zero-bias events.parquet --signal events.parquet -o new",
        "menu compile menu.yaml -o new.json",
    ],
)
def test_nothing_is_left(command: str, tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", [random_events(500)])
    seeds = "".join(f"  - {{name: L1_{n}, seed: JET{n}}}\n" for n in range(40, 80))
    (tmp_path / "menu.yaml").write_text(f"menu: many\nalgorithms:\n{seeds}")
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        ["sh", "-c", LIMIT, "sh", sys.executable, "-m", "l1forge.cli", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if "font_manager" not in line]  # nor its cache
    assert done.returncode == 2, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: new"), errors
    assert "cannot be written: File too large; free some space" in errors[0]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("there", [True, False])
def test_hls_project(there: bool, tmp_path: Path) -> None:
    """hls4ml writes file by file into the folder it is told."""
    target = tmp_path / "project"
    if there:
        (target / "firmware").mkdir(parents=True)
        (target / "firmware" / "net.cpp").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    settings = {"OutputDir": str(target)}
    full = True

    def write() -> None:
        folder = Path(settings["OutputDir"])
        (folder / "firmware").mkdir()
        (folder / "firmware" / "net.cpp").write_text("new")
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        (folder / "hls4ml_config.yml").write_text(f"OutputDir: {folder}\n")

    model = SimpleNamespace(config=SimpleNamespace(config=settings), write=write)
    with pytest.raises(InputError, match="project: cannot be written: No space"):
        write_project(model)
    assert sorted(tmp_path.rglob("*")) == before
    assert not there or (target / "firmware" / "net.cpp").read_text() == "old"
    full = False
    write_project(model)
    assert (target / "firmware" / "net.cpp").read_text() == "new"
    assert (target / "hls4ml_config.yml").read_text() == f"OutputDir: {target}\n"
    assert settings["OutputDir"] == str(target)
