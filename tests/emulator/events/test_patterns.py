"""Pattern files: exact round trips of frames and of crossings, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.pattern_events import write_pattern
from l1forge.emulator.events.formats.patterns import (
    CARRIED,
    SYNTAX,
    VALID,
    Frames,
    read_frames,
    write_frames,
)
from l1forge.emulator.events.objects import COLUMNS, EXTRA_COLUMNS, Events
from l1forge.emulator.events.source import open_events


def random_events(n: int) -> Events:
    rng = np.random.default_rng(9)
    data: dict[str, np.ndarray] = {}
    for name, (slots, field) in COLUMNS.items():
        data[name] = rng.integers(field.minimum, field.maximum + 1, (slots, n), np.int16)
    for name, (slots, dtype) in EXTRA_COLUMNS.items():
        high = {"finor": 1, "bx": 3563}.get(name, np.iinfo(dtype).max)
        data[name] = rng.integers(0, high, (slots, n), dtype, endpoint=True)
    data["bx"] = (np.arange(n, dtype=np.int16) % 3564)[None]
    return Events(data, n)


def all_of(path: Path) -> Frames:
    chunks = list(read_frames(path))
    return Frames(
        np.concatenate([c.data for c in chunks]), np.concatenate([c.flags for c in chunks]), chunks[0].labels
    )


@pytest.mark.parametrize("name", SYNTAX)
def test_frames_round_trip(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    data = rng.integers(0, 1 << 64, (20_000, 2), np.uint64, endpoint=False)
    flags = (rng.integers(0, 32, (20_000, 2)) & CARRIED[name]).astype(np.uint8)
    frames = Frames(data, flags, ("004", "017"))
    path = tmp_path / "p.txt"
    assert write_frames(path, [frames], name) == 20_000
    back = all_of(path)
    np.testing.assert_array_equal(back.data, data)
    np.testing.assert_array_equal(back.flags, flags)
    assert back.labels == frames.labels


@pytest.mark.parametrize("name", SYNTAX)
def test_crossings_round_trip(tmp_path: Path, name: str) -> None:
    events = random_events(3600)
    path = tmp_path / "p.txt"
    assert write_pattern(path, [events.select(slice(0, 7)), events.select(slice(7, 3600))], name) == 3600
    source = open_events(path)
    assert source.format == name
    back = Events.concatenate(list(source.blocks(block_size=1000)))
    assert set(back) == set(events)
    for column in events:
        np.testing.assert_array_equal(back[column], events[column], err_msg=column)
    (some,) = source.blocks(["jet.et"])
    assert list(some) == ["jet.et"]


WRITTEN_ELSEWHERE = {
    "empv1": "Board x\n Quad/Chan : q00c0 q00c1\n      Link : 00 01\n"
    "Frame 0000 : 1v0123456789abcdef 0v0000000000000000\n"
    "Frame 0001 : 0s1vfedcba9876543210 1s0v0000000000000001\n",
    "empv2": "ID: x\nMetadata: (strobe,) start of orbit, start of packet, end of packet, valid\n\n"
    "      Link  000 001\n"
    "Frame 0000  1001 0123456789abcdef  0000 0000000000000000\n"
    "Frame 0001  00011 fedcba9876543210  10000 0000000000000001\n",
    "apx": "#Sideband ON\n#LinkLabel LINK_00 LINK_01\n#BeginData\n"
    "0x0000 0x05 0x0123456789abcdef 0x00 0x0000000000000000\n"
    "0x0001 0x09 0xfedcba9876543210 0x00 0x0000000000000001\n",
}
FLAGS = {"empv1": [1, 0, 17, 0], "empv2": [5, 0, 16 + 8 + 1, 0], "apx": [5, 0, 9, 0]}


@pytest.mark.parametrize("name", SYNTAX)
def test_files_of_other_tools(tmp_path: Path, name: str) -> None:
    (tmp_path / "p").write_text(WRITTEN_ELSEWHERE[name])
    frames = all_of(tmp_path / "p")
    assert frames.data.ravel().tolist() == [0x0123456789ABCDEF, 0, 0xFEDCBA9876543210, 1]
    assert frames.flags.ravel().tolist() == FLAGS[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("Frame 0001", "Frame 0002"), "line 6: frame 1 expected"),
        (lambda t: t.replace("0123456789abcdef", "0123456789abcdeg"), "line 5 column 13: link 000"),
        (lambda t: t.replace("1001", "1021"), "line 5 column 13: link 000"),
        (lambda t: t[: t.rfind(" ")], "line 6 column 37: link 001"),
        (lambda t: t.rstrip() + " 0000 0000000000000000\n", "line 6 column 60: more words than the 2"),
        (lambda t: t[: t.index("Frame")], "no frames"),
        (lambda t: t[:60], "names no links"),
    ],
)
def test_malformed(tmp_path: Path, change, message: str) -> None:
    (tmp_path / "p").write_text(change(WRITTEN_ELSEWHERE["empv2"]))
    with pytest.raises(InputError, match=message):
        all_of(tmp_path / "p")


def test_idle_frames_are_passed_over_and_a_cut_off_crossing_is_counted(tmp_path: Path) -> None:
    events = random_events(5)
    write_pattern(tmp_path / "p", [events], "empv2")
    frames = all_of(tmp_path / "p")
    idle, quiet = np.zeros((4, 7), np.uint64), np.zeros((4, 7), np.uint8)
    cut = Frames(
        np.concatenate([idle, frames.data[:18], idle, frames.data[18:-2]]),
        np.concatenate([quiet, frames.flags[:18], quiet, frames.flags[18:-2]]),
        frames.labels,
    )
    write_frames(tmp_path / "p", [cut], "empv2")
    source = open_events(tmp_path / "p")
    (back,) = source.blocks()
    np.testing.assert_array_equal(back["mu.pt"], events["mu.pt"][:, :4])
    assert dict(source.notes) == {"frames of a crossing that breaks off, dropped": 7}


def test_packets_and_links_must_fit_the_map(tmp_path: Path) -> None:
    write_pattern(tmp_path / "p", [random_events(5)], "apx")
    frames = all_of(tmp_path / "p")

    def refuse(changed: Frames, message: str) -> None:
        write_frames(tmp_path / "q", [changed], "apx")
        with pytest.raises(InputError, match=message):
            list(open_events(tmp_path / "q").blocks())

    refuse(Frames(frames.data[1:], frames.flags[1:], frames.labels), "packets are 9 frames long")
    refuse(Frames(frames.data[:, :6], frames.flags[:, :6], frames.labels[:6]), "7 links expected")
    flags = frames.flags.copy()
    flags[11, 3] &= ~np.uint8(VALID)
    refuse(Frames(frames.data, flags, frames.labels), "frame 11: links are not valid together")


def test_control_bits_are_not_lost_silently(tmp_path: Path) -> None:
    frames = Frames(np.zeros((1, 1), np.uint64), np.array([[3]], np.uint8), ("0",))
    with pytest.raises(InputError, match=r"empv1 cannot hold control bits.*0x2"):
        write_frames(tmp_path / "p", [frames], "empv1")
    assert list(tmp_path.iterdir()) == []
