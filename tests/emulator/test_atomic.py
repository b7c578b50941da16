"""Files and folders of files that appear whole or not at all."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from l1forge.emulator import atomic
from l1forge.emulator.atomic import append_line, atomic_files, atomic_path, write_text
from l1forge.emulator.errors import InputError


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

    with pytest.raises(InputError, match=r"out.bin: cannot be written: No space left on device; free"):
        full()
    assert not list(tmp_path.iterdir())


def full() -> None:
    raise OSError(errno.ENOSPC, "No space")


def full_copy() -> None:
    """As ``shutil.copytree`` tells it."""
    raise shutil.Error([("from", "to", str(OSError(errno.ENOSPC, "No space left on device")))])


def full_file(folder: Path) -> None:
    with atomic_path(folder / "part" / "out.bin"):
        full()


@pytest.mark.parametrize("failure", [full, full_copy])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_the_folder_as_it_was(
    tmp_path: Path, there: bool, failure: Callable[[], None]
) -> None:
    target = tmp_path / "project"
    if there:
        target.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"project: cannot be written: No space"):
        written(target, failure)
    assert sorted(tmp_path.rglob("*")) == before


def written(target: Path, failure: Callable[[], None]) -> None:
    with atomic_files(target) as folder:
        (folder / "first").write_text("half")
        failure()


def test_errors_name_the_file_where_it_would_have_been(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_files(tmp_path / "project") as folder:
            (folder / "part").mkdir()
            full_file(folder)

    with pytest.raises(InputError, match=rf"^{tmp_path}/project/part/out.bin: cannot be written: No space"):
        write()


@pytest.mark.parametrize("replace", [True, False])
def test_folders_within_the_folder(tmp_path: Path, replace: bool) -> None:
    for file in ("mine", "part/old", "other/kept"):
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    with atomic_files(tmp_path / "project", replace_folders=replace) as folder:
        (folder / "part").mkdir()
        (folder / "part" / "new").write_text("new")
        (folder / "empty").mkdir()
    found = sorted(str(path.relative_to(tmp_path / "project")) for path in tmp_path.rglob("project/**/*"))
    expected = ["empty", "mine", "other", "other/kept", "part", "part/new", "part/old"]
    assert found == [name for name in expected if not (replace and name == "part/old")]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot write here: Not a directory"),
        atomic_files(tmp_path / "file"),
    ):
        pass


def test_lines_are_added_and_a_folder_is_refused(tmp_path: Path) -> None:
    for line in ("one", "τwo"):
        append_line(tmp_path / "history.jsonl", line)
    assert (tmp_path / "history.jsonl").read_text(encoding="utf-8") == "one\nτwo\n"
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        append_line(tmp_path, "three")


@pytest.mark.parametrize(
    ("process", "hours", "kept"),
    [(0x7FFFFFFF, 25, False), (0x7FFFFFFF, 23, True), (os.getpid(), 25, True)],
    ids=["dead, old", "dead, young", "alive, old"],  # a process number would differ between workers
)
def test_leftovers_of_dead_processes_go_after_a_day(
    process: int, hours: int, kept: bool, tmp_path: Path
) -> None:
    file = tmp_path / f".out.parquet.l1forge-{process:x}-12ab34cd.parquet"
    folder = tmp_path / f".project.l1forge-{process:x}-x_y1z2w3"
    folder.mkdir()
    (folder / "weights").write_text("1")
    others = [
        tmp_path / name for name in (".hidden", ".out.parquet.1-12ab34cd.parquet", "l1forge-1-12ab34cd")
    ]
    for path in (file, *others):
        path.write_text("half")
    for path in (file, folder, *others):
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    write_text(tmp_path / "new", "whole")
    assert [path.exists() for path in (file, folder)] == [kept, kept]
    assert all(path.exists() for path in others)


def test_the_names_of_temporary_files_are_leftovers_names(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "out.txt") as file, atomic_files(tmp_path / "new") as folder:
        assert all(atomic._LEFT.fullmatch(path.name) for path in (file, folder))
