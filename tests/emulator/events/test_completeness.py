"""An event format is whole: recognised, read, written or said not to be, on its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l1forge.emulator.events.formats.format import Format
from l1forge.emulator.events.formats.registry import known_formats, magics, writable
from tests.emulator.events import completeness
from tests.emulator.events.completeness import gaps

BY_NAME = {format_.name: format_ for format_ in known_formats()}


@pytest.mark.parametrize("name", BY_NAME)
def test_format_is_whole(name: str, tmp_path: Path) -> None:
    assert gaps(BY_NAME[name], tmp_path) == []


def test_formats_as_people_know_them() -> None:
    assert list(BY_NAME) == ["parquet", "adc2021", "nanoaod", "test-vectors", "empv1", "empv2", "apx"]
    assert list(writable()) == ["parquet", "test-vectors", "empv1", "empv2", "apx"]
    assert magics() == {b"PAR1": "parquet", b"\x89HDF\r\n\x1a\n": "HDF5", b"root": "ROOT"}
    assert len(BY_NAME) == len(known_formats())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"name": "gif"}, "a row in docs/formats.md"),
        ({"write": None}, "a writer, or the reason why there is none"),
        ({"read_only": "nobody asked"}, "a writer, or the reason why there is none"),
        ({"write": None, "read_only": "nobody asked"}, "a sample in tests/emulator/events/completeness.py"),
        ({"magic": {b"GIF8": "GIF"}}, "the first bytes that it says"),
        ({"write": BY_NAME["apx"].write}, "to be recognised, and by nothing else: ['apx']"),
    ],
)
def test_a_fault_is_noticed(fault: dict[str, object], said: str, tmp_path: Path) -> None:
    assert said in gaps(replace(BY_NAME["parquet"], **fault), tmp_path)  # type: ignore[arg-type]


def test_a_greedy_format_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    greedy: tuple[Format, ...] = (*known_formats(), replace(BY_NAME["apx"], name="any", recognise=len))
    monkeypatch.setattr(completeness, "known_formats", lambda: greedy)
    assert gaps(BY_NAME["parquet"], tmp_path) == ["to be recognised, and by nothing else: ['parquet', 'any']"]
