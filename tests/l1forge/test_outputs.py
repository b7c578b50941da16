"""Every output of every command that cannot be written is refused in one line before any work is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from tests.l1forge.broken import random_events, vector

ROOT = Path(__file__).parents[2]
MENU = ROOT / "emulator" / "menu" / "default.yaml"
FILES = [
    "convert good.parquet -o @.parquet",
    "convert good.parquet -o @.txt",
    "emulate vae good.parquet -o @.parquet",
    "emulate vae good.parquet -o @.npz",
    "emulate vae good.parquet --json @.json",
    "path good.parquet -n 1 -o @.parquet",
    "path good.parquet -n 1 --json @.json",
    f"menu compile {MENU} -o @.json",
    f"menu show {MENU} --json @.json",
    f"menu check {MENU} good.txt --json @.json",
    f"menu bench {MENU} good.parquet --json @.json",
    "simulate -n 4 --cache cache -o @.parquet",
    "simulate-muons -n 10 -o @.parquet",
    "train muon_patterns -n 1000 -o @.npz",
    "evaluate muon_pt --json @.json -o new",
    "evaluate tau_id --json @.json -o new",
    "report vae -o @.html",
    "report vae --json @.json",
    "synth tau_id --json @.json",
    "cosim tau_id --json @.json",
    "cosim-muons --json @.json",
    "firmware tau_id --json @.json -o new",
    "import-hls good.parquet -o @.json",
    "import-hls good.parquet -o new.json --json @.json",
    "import-bdt good.txt -f int<8> -o @.json",
    "import-model net.onnx -t fixed<8,4> -o @.json",
    "import-model net.onnx -t fixed<8,4> -o new.json --json @.json",
    "fuzz -n 1 -o new --json @.json",
]
"""@: the output, a file."""
FOLDERS = [
    "rates vae --zero-bias good.parquet --signal good.parquet -o @",
    "evaluate muon_pt -o @",
    "evaluate tau_id -o @",
    "train vae -o @",
    "train muon_pt -o @",
    "train tau_id -o @",
    "train event_bdt -o @",
    "synth tau_id -o @",
    "cosim tau_id -n 10 -o @",
    "firmware vae -o @",
    "firmware tau_id -o @",
    "export-c vae -o @",
    "export-rtl tau_id -o @",
    "demo -o @",
    "bench -o @",
    "fuzz -n 1 -o @",
    "import-model net.onnx -t fixed<8,4> -o new.json --project @",
    "simulate -n 4 -o new.parquet --cache @",
]
"""@: the output, a folder."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "good.parquet", [random_events(50)])
    vector(tmp_path / "good.txt")
    (tmp_path / "net.onnx").write_bytes(b"no network")
    for suffix in ("parquet", "npz", "json", "txt", "html"):
        (tmp_path / f"folder.{suffix}").mkdir()
    return tmp_path


def refused(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    before = sorted(folder.rglob("*"))
    with pytest.raises(SystemExit) as end:
        main(command.split())
    error = capsys.readouterr().err
    assert end.value.code == 2, error
    assert error.startswith("error: "), error
    assert error.count("\n") == 1, error
    assert sorted(folder.rglob("*")) == before
    return error


@pytest.mark.parametrize("command", FILES)
def test_files(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = command[: command.index("@") + 1] + command[command.index("@") + 1 :].partition(" ")[2]
    assert "is a folder" in refused(command.replace("@", "folder"), folder, capsys)
    assert "the folder does not exist" in refused(command.replace("@", "nowhere/out"), folder, capsys)
    assert "the folder does not exist" in refused(command.replace("@", "good.txt/out"), folder, capsys)
    (folder / "link.full").symlink_to("/dev/full")
    for full in ("/dev/full", "link.full"):
        refused(bare.replace("@", full), folder, capsys)  # a device, or of no known format


@pytest.mark.parametrize("command", FOLDERS)
def test_folders(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("good.txt", "good.txt/out", "/dev/full"):
        assert "is a file" in refused(command.replace("@", file), folder, capsys)


@pytest.mark.parametrize("command", [*FILES, *FOLDERS])
def test_read_only(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Access rights do not bind the superuser, under whom tests may run: the system's answer is staged."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert "the folder is read-only" in refused(command.replace("@", "out"), folder, capsys)
