"""Results of Yosys are found again in the cache under the digest of the run, and not believed if damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from l1forge.firmware.synth import kept


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "netlist.v").write_text("module m; endmodule\n")
    (tmp_path / "run" / "synthesis.json").write_text("{}\n")
    kept.keep("abc", tmp_path / "run")
    return tmp_path


def test_a_run_is_found_again_in_another_folder(cache: Path) -> None:
    assert kept.recall("abc", cache / "other")
    assert (cache / "other" / "netlist.v").read_text() == "module m; endmodule\n"
    assert sorted(file.name for file in (cache / "other").iterdir()) == ["netlist.v", "synthesis.json"]


def test_another_run_is_not(cache: Path) -> None:
    assert not kept.recall("abd", cache / "other")
    assert not (cache / "other").exists()


@pytest.mark.parametrize("damage", ["changed", "removed", "sums"])
def test_a_damaged_file_is_noticed_and_nothing_copied(cache: Path, damage: str) -> None:
    file = kept.place("abc") / "netlist.v"
    if damage == "changed":
        file.write_text("module n; endmodule\n")
    elif damage == "removed":
        file.unlink()
    else:
        (kept.place("abc") / kept.SUMS).write_text("[1]")
    assert not kept.recall("abc", cache / "other")
    assert not (cache / "other").exists()


def test_a_cache_that_cannot_be_written_to_keeps_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("L1FORGE_CACHE", str(cache / "file" / "cache"))
    kept.keep("abc", cache / "run")
    monkeypatch.setenv("L1FORGE_CACHE", str(cache / "empty"))
    assert not kept.recall("abc", cache / "other")
