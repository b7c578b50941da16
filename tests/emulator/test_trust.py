"""Folders that somebody else may write to are not executed from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator import trust
from l1forge.emulator.folders import cache_place
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.trust import distrusted, trusted_folder


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    trust._private.cache_clear()
    trust.warn.cache_clear()


def of_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``folder`` another user's: the superuser can give it away, others can seem to be another."""
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)


def scaling(factor: int) -> Graph:
    kind = FixedType.parse("int<8>")
    scale, bias = (Constant(kind, np.array([v])) for v in (factor, 0))
    nodes = [
        Node("x", "input", (), (1,), kind),
        Node("y", "scale_bias", ("x",), (1,), FixedType.parse("int<16>"), {}, {"scale": scale, "bias": bias}),
    ]
    return Graph("scaling", nodes, ["y"])


def answer(graph: Graph) -> list[int]:
    return compile_graph(graph).run_array(np.array([[1, 2, 3]]))["y"].tolist()


@pytest.mark.parametrize(
    ("mode", "said"), [(0o700, ""), (0o755, ""), (0o777, "by everybody"), (0o1777, "by everybody")]
)
def test_modes(mode: int, said: str, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    assert said in distrusted(tmp_path)
    assert bool(distrusted(tmp_path)) == bool(said)


def test_modes_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(mode=0o700, parents=True)
    tmp_path.chmod(0o777)
    assert distrusted(inner) == f"{tmp_path} can be written by everybody"
    tmp_path.chmod(0o1777)  # as /tmp
    assert distrusted(inner) == ""


@pytest.mark.parametrize(("own", "said"), [(True, ""), (False, "by its group")])
def test_a_group_of_one_is_no_other(
    own: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "_own_group", lambda number: own)
    tmp_path.chmod(0o775)
    assert said in distrusted(tmp_path)
    assert bool(distrusted(tmp_path)) == bool(said)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    assert distrusted(tmp_path / "link") == f"{tmp_path / 'open'} can be written by everybody"


def test_another_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_another(tmp_path, monkeypatch)
    assert "belongs to" in distrusted(tmp_path)


def test_what_is_missing_is_made_for_this_user(tmp_path: Path) -> None:
    folder = trusted_folder(tmp_path / "cache", "")
    assert folder == tmp_path / "cache"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_fallback_is_private_and_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o777)
    first, second = (trusted_folder(tmp_path, "choose another") for _ in range(2))
    assert first == second != tmp_path
    assert first.stat().st_mode & 0o777 == 0o700
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said == (
        f"warning: {tmp_path} is not used for compiled code: {tmp_path} can be written by everybody;"
        " choose another\n"
    )


def test_another_kernels_object_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path))
    assert answer(scaling(3)) == [3, 6, 9]
    (three,) = cache_place().glob("*.o")
    assert answer(scaling(5)) == [5, 10, 15]
    (five,) = set(cache_place().glob("*.o")) - {three}
    three.write_bytes(five.read_bytes())
    assert answer(scaling(3)) == [3, 6, 9]
    assert compile_graph(scaling(3)).cached  # mended


def test_an_open_cache_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path))
    compile_graph(scaling(3))
    assert compile_graph(scaling(3)).cached
    tmp_path.chmod(0o777)
    before = {path.name for path in tmp_path.iterdir()}
    assert not compile_graph(scaling(3)).cached
    assert compile_graph(scaling(3)).cached  # from the private folder
    assert answer(scaling(7)) == [7, 14, 21]
    assert {path.name for path in tmp_path.iterdir()} == before
    assert capsys.readouterr().err.count("L1FORGE_CACHE") == 1


def test_the_private_folder_ends_with_the_process(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    program = "import sys; from pathlib import Path; from l1forge.emulator.trust import trusted_folder\n"
    program += "print(trusted_folder(Path(sys.argv[1]), 'x'))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() != str(tmp_path)
    assert not Path(done.stdout.strip()).exists()
