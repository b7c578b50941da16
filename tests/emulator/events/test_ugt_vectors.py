"""Global-trigger test vectors: byte-exact round trips, short files, and errors that name line and column."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.object_words import pack, unassigned_bits, unpack
from l1forge.emulator.events.formats.ugt_vectors import (
    EARLY,
    FULL,
    column_names,
    parse_stream,
    read_test_vectors,
    write_test_vectors,
)
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, EXTRA_COLUMNS, Events
from l1forge.emulator.events.source import open_events

OFFICIAL = sorted(Path("/work/shared/data/ugt").glob("*.txt"))


def random_events(n: int, columns: int = FULL) -> Events:
    rng = np.random.default_rng(5)
    data = {}
    for name in column_names(columns):
        if name in COLUMNS:
            slots, field = COLUMNS[name]
            data[name] = rng.integers(field.minimum, field.maximum, (slots, n), endpoint=True).astype(
                np.int16
            )
            if columns == EARLY and name.startswith("tau"):
                data[name][8:] = 0
        elif name == "bx":
            data[name] = (np.arange(n, dtype=np.int16) % 3564)[None]
        else:
            slots, dtype = EXTRA_COLUMNS[name]
            high = 1 if name == "finor" else np.iinfo(dtype).max
            data[name] = rng.integers(0, high, (slots, n), dtype=dtype, endpoint=True)
    return Events(data, n)


@pytest.mark.parametrize("columns", [FULL, EARLY])
def test_round_trip(tmp_path: Path, columns: int) -> None:
    events = random_events(4000, columns)  # more than one orbit
    path = tmp_path / "v.txt"
    assert write_test_vectors(path, [events], columns) == 4000
    assert {len(line.split()) for line in path.read_text().splitlines()} == {columns}
    source = open_events(path)
    assert source.format == "test vectors"
    blocks = list(source.blocks(block_size=1500))
    assert [b.n for b in blocks] == [1500, 1500, 1000]
    back = Events.concatenate(blocks)
    assert set(back) == set(events)
    for name in events:
        np.testing.assert_array_equal(back[name], events[name], err_msg=name)


def test_words_written_by_hand(tmp_path: Path) -> None:
    """Bit positions as documented, with none of this project's packing code."""
    mu = (575 << 0) | (45 << 10) | (12 << 19) | ((-3 & 0x1FF) << 23) | (2 << 34) | (9 << 53) | (3 << 62)
    jet = 2047 | ((-128 & 0xFF) << 11) | (143 << 19) | (1 << 27)
    row = ["0000", f"{mu:016x}", *["0" * 16] * 7, *["0" * 8] * 24, f"{jet:08X}", *["0" * 8] * 11]
    row += ["000f0fff", *["0" * 8] * 5, *["0" * 8] * 5, "c0000001", "8" + "0" * 63, "1" + "0" * 127, "1"]
    rest = ["0" * len(word) for word in row[1:]]
    lines = [" ".join(row)] + [" ".join([f"{i:04d}", *rest]) for i in range(1, 10)]
    (tmp_path / "v.txt").write_text("\n".join(lines))  # no newline at the end
    (events,) = read_test_vectors(tmp_path / "v.txt")
    assert events.n == 10
    got = {name: events[name][0, 0] for name in events}
    assert [got[f"mu.{f}"] for f in ("phi", "pt", "qual", "eta", "charge", "upt", "ip")] == [
        *(575, 45, 12, -3, 2, 9, 3)
    ]
    assert [got[f"jet.{f}"] for f in ("et", "eta", "phi", "displaced")] == [2047, -128, 143, 1]
    assert (got["ett.et"], got["ett.em"]) == (4095, 240)
    assert events["link"][5, 0] == 0xC0000001
    assert events["ext"][:, 0].tolist() == [0, 0, 0, 1 << 63]
    assert events["algo"][7, 0] == 1 << 60
    assert got["finor"] == 1


@pytest.mark.parametrize("name", list(COLLECTIONS))
def test_pack_inverts_unpack(name: str) -> None:
    collection = COLLECTIONS[name]
    rng = np.random.default_rng(2)
    words = rng.integers(0, 1 << collection.word_bits, (collection.slots, 500), np.uint64)
    words &= np.uint64(~unassigned_bits(collection) & (1 << 64) - 1)
    events = Events(unpack(words, name), 500)
    np.testing.assert_array_equal(pack(events, name), words)


def vector(tmp_path: Path, n: int = 20) -> tuple[Path, list[str]]:
    path = tmp_path / "v.txt"
    write_test_vectors(path, [random_events(n)])
    return path, path.read_text().splitlines()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r[:3], "only 3 crossings.*3564"),
        (lambda r: [*r[:9], r[9][:400]], r"line 10 column \d+, .*(digits where|fewer)"),
        (lambda r: [*r[:9], r[9][:400].rsplit(" ", 1)[0]], r"line 10 column \d+: fewer than 60"),
        (lambda r: [*r[:4], r[4] + " 0", *r[5:]], "line 5 column 770: more than 60"),
        (lambda r: [*r[:4], r[4].replace(" ", " g", 1), *r[5:]], "line 5 column 6, mu 0: 17 digits where 16"),
        (lambda r: [*r[:4], r[4][:7] + "x" + r[4][8:], *r[5:]], "line 5 column 8, mu 0: not a hexadecimal"),
        (lambda r: [*r[:4], "00a4" + r[4][4:], *r[5:]], "line 5 column 3, BX: not a decimal digit.*'a'"),
        (lambda r: [*r[:4], *r[5:]], r"line 5 column 1: BX number 4 expected \(got 5\)"),
        (lambda r: r[1:], r"line 1 column 1: BX number 0 expected \(got 1\)"),
        (lambda r: [*r[:2], "", " ", *r[2:4], *r[5:]], r"line 7 column 1: BX number 4 expected \(got 5\)"),
        (lambda r: ["", *r[:2], "\r", r[3]], r"line 5 column 1: BX number 2 expected \(got 3\)"),
        (lambda r: [*r[:2], "", r[2].replace(" ", " g", 1), *r[3:]], "line 4 column 6, mu 0: 17 digits"),
        (lambda r: [row.rsplit(" ", 1)[0] for row in r], "line 1: a test-vector row needs 60 or 48.*59"),
        (
            lambda r: ["", "\t", *(row.rsplit(" ", 1)[0] for row in r)],
            "line 3: a test-vector row needs 60 or 48.*59",
        ),
    ],
)
def test_malformed(tmp_path: Path, edit, message: str) -> None:
    path, rows = vector(tmp_path)
    path.write_text("\n".join(edit(rows)) + "\n")
    with pytest.raises(InputError, match=message):
        list(open_events(path).blocks())


def test_blank_lines_and_carriage_returns_do_no_harm(tmp_path: Path) -> None:
    path, rows = vector(tmp_path)
    (events,) = open_events(path).blocks()
    path.write_bytes("\r\n".join(["", " ", *rows, "", ""]).encode())
    (again,) = open_events(path).blocks()
    for name in events:
        np.testing.assert_array_equal(events[name], again[name])


def test_broken_off_stream_keeps_whole_rows_and_counts_the_loss(tmp_path: Path) -> None:
    path, _ = vector(tmp_path)
    notes: Counter[str] = Counter()
    stream = io.BufferedReader(io.BytesIO(path.read_bytes()[:-300]))
    blocks = list(parse_stream(stream, "-", notes=notes, keep_whole_rows=True))
    assert sum(block.n for block in blocks) == 19
    assert notes == {"rows broken off, dropped": 1}


def test_early_layout_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    full = random_events(12)
    with pytest.raises(InputError, match="more than 8 tau"):
        write_test_vectors(tmp_path / "v.txt", [full], EARLY)
    with pytest.raises(InputError, match="cannot hold etmhf, htmhf, link"):
        write_test_vectors(
            tmp_path / "v.txt",
            [Events({name: full[name] for name in full if not name.startswith("tau")}, 12)],
            EARLY,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", OFFICIAL, ids=lambda path: path.stem)
def test_official_vectors_come_back(path: Path, tmp_path: Path) -> None:
    """Every digit of the official files, but for the bits that the note counts."""
    source = open_events(path)
    blocks = list(source.blocks())
    assert [block.n for block in blocks] == [3564]
    out = tmp_path / "v.txt"
    write_test_vectors(out, blocks, FULL if "link" in blocks[0] else EARLY)
    original, ours = path.read_text().split(), out.read_text().split()
    different = [(a, b) for a, b in zip(original, ours, strict=True) if a != b]
    assert len(different) == source.notes.total()
    assert all(int(a, 16) & 0x07FFFFFF == int(b, 16) for a, b in different)
