"""Files and folders of files that appear whole or not at all."""

import errno
from pathlib import Path

import pytest

from emulator.atomic import atomic_files, atomic_path
from emulator.errors import InputError


def test_files_move_together_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "graph.json").write_text("old")
    (tmp_path / "model" / "README").write_text("mine")
    with atomic_files(tmp_path / "model") as folder:
        (folder / "graph.json").write_text("new")
        (folder / "plots").mkdir()
        (folder / "plots" / "roc.png").write_text("curve")
        assert (tmp_path / "model" / "graph.json").read_text() == "old"
    found = {str(f.relative_to(tmp_path)): f.read_text() for f in tmp_path.rglob("*") if f.is_file()}
    assert found == {"model/graph.json": "new", "model/README": "mine", "model/plots/roc.png": "curve"}
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("there", [True, False])
def test_an_interrupt_leaves_what_was_there(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "graph.json").write_text("old")
    before = sorted(tmp_path.rglob("*"))

    def interrupted() -> None:
        with atomic_files(tmp_path / "model") as folder:
            (folder / "graph.json").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(tmp_path.rglob("*")) == before
    assert not there or (tmp_path / "model" / "graph.json").read_text() == "old"


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    def full() -> None:
        with atomic_path(tmp_path / "out.bin"):
            raise OSError(errno.ENOSPC, "No space")

    with pytest.raises(InputError, match=r"out.bin: cannot be written: No space left on device; make room"):
        full()
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot write here: Not a directory"),
        atomic_files(tmp_path / "file"),
    ):
        pass
