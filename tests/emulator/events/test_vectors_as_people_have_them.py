"""Test vectors with what editors, people and other programs do to them, and files given by mistake."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.convert import app as convert
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.object_words import pack
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.formats.ugt_vectors import EARLY, FULL, read_test_vectors, write_test_vectors
from l1forge.emulator.events.objects import SPARE, SPARE_WORDS, Events
from l1forge.emulator.events.source import open_events

BOM = b"\xef\xbb\xbf"


def rows(n: int = 12, columns: int = FULL, eg: int = 0x0600_0214) -> str:
    """Crossings with one e/γ word ``eg``; all else is empty."""
    taus, sums, links = (12, 6, 6) if columns == FULL else (8, 4, 0)
    words = ["0" * 16] * 8 + [f"{eg:08x}"] + ["0" * 8] * (11 + taus + 12 + sums + links)
    return "".join(" ".join([f"{i:04d}", *words, "0" * 64, "0" * 128, "0"]) + "\n" for i in range(n))


@pytest.mark.parametrize(
    "text",
    [
        BOM + rows().encode(),
        BOM + b"\r\n" + rows().replace("\n", "\r\n").encode(),
        b"# bx mu eg\n// made by hand\n\n-- as VHDL writes it\n" + rows().encode(),
        BOM + b"  # indented\n" + rows().replace("0005 ", "# half-way\n0005 ").encode() + b"# end",
        b"#" + b"x" * 5000 + b"\n" + rows().encode(),
    ],
    ids=["bom", "bom-crlf", "header", "between", "long"],
)
def test_marks_and_comments_change_nothing(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text(rows())
    (tmp_path / "v.txt").write_bytes(text)
    source = open_events(tmp_path / "v.txt")
    assert source.format == "test vectors"
    (expected,), (got,) = read_test_vectors(tmp_path / "plain.txt"), source.blocks()
    assert got.n == 12
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])
    comments = sum(
        line.lstrip().startswith((b"#", b"//", b"--")) for line in text.removeprefix(BOM).split(b"\n")
    )
    assert source.notes == ({"comment lines, passed over": comments} if comments else {})


def test_lines_are_counted_with_comments_and_mark(tmp_path: Path) -> None:
    broken = rows().replace("0003 0", "0003 g")
    (tmp_path / "v.txt").write_bytes(BOM + b"# one\n# two\n" + broken.encode())
    with pytest.raises(InputError, match="line 6 column 6, mu 0: not a hexadecimal digit"):
        list(read_test_vectors(tmp_path / "v.txt"))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v.txt", rows())


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(gzip.compress(rows().encode())), "is compressed with gzip; gunzip"),
        (lambda path: path.write_bytes(bz2.compress(rows().encode())), "is compressed with bzip2"),
        (lambda path: path.write_bytes(lzma.compress(rows().encode())), "is compressed with xz"),
        (_zip, "is compressed with zip"),
        (lambda path: path.write_text(rows(), encoding="utf-16"), "is UTF-16 text"),
        (lambda path: path.write_text('<?xml version="1.0"?><menu/>'), "is XML, not an event file"),
        (lambda path: path.write_bytes(BOM + b"\n<tmxsd:menu/>"), "is XML, not an event file"),
        (lambda path: path.write_text("<!DOCTYPE html><html>"), "is a web page"),
        (lambda path: path.write_text('{"format": "l1forge-menu"}'), "is JSON, not an event file"),
        (lambda path: path.write_text("menu: T\nalgorithms: []\n"), "is a YAML menu, not an event file"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    ],
)
@pytest.mark.parametrize("reader", [open_events, read_test_vectors])
def test_the_refusal_says_what_the_file_is(
    write: Callable[[Path], object], message: str, reader: Callable, tmp_path: Path
) -> None:
    write(path := tmp_path / "v.txt")
    with pytest.raises(InputError, match=message) as error:
        list(reader(path).blocks() if reader is open_events else reader(path))
    assert str(error.value).count("\n") == 0
    assert str(path) in str(error.value)


def test_event_files_that_are_not_test_vectors(tmp_path: Path) -> None:
    write_events(tmp_path / "v.txt", [Events({"jet.et": np.ones((12, 20), np.int16)}, 20)])
    with pytest.raises(InputError, match="is a parquet file, not a test vector"):
        list(read_test_vectors(tmp_path / "v.txt"))
    (tmp_path / "w.txt").write_text("Dear diary,\n")
    with pytest.raises(InputError, match=r"line 1: not a test-vector row .got 'Dear diary,'"):
        list(read_test_vectors(tmp_path / "w.txt"))
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file"):
        list(read_test_vectors(tmp_path / "none.txt"))


def test_bits_that_no_field_holds_are_kept_if_asked_for(tmp_path: Path) -> None:
    """e/γ and τ have 27 bits of fields, jets 28; ETT 28 without 24-27, HTT without 25-27."""
    assert SPARE_WORDS == ("eg", "tau", "jet", "ett", "htt")
    word = 0xF800_0000 | 0x0600_0214
    (tmp_path / "v.txt").write_text(rows(eg=word))
    notes: Counter[str] = Counter()
    (lost,) = read_test_vectors(tmp_path / "v.txt", notes=notes)
    assert SPARE not in lost
    assert notes == {"eg words with bits outside the known fields": 12}
    assert pack(lost, "eg")[0, 0] == 0x0600_0214
    source = open_events(tmp_path / "v.txt")
    (kept,) = source.blocks((*source.columns, *source.optional))
    assert pack(kept, "eg")[0, 0] == word
    assert source.notes == {}
    write_test_vectors(tmp_path / "w.txt", [kept])
    assert (tmp_path / "w.txt").read_text() == (tmp_path / "v.txt").read_text()


@pytest.mark.parametrize("columns", [FULL, EARLY])
@pytest.mark.parametrize("way", [["txt"], ["emp", "txt"], ["apx", "emp", "txt"]])
def test_convert_gives_the_words_back(columns: int, way: list[str], tmp_path: Path) -> None:
    """Through pattern files, too; only they forget that a row had 48 columns."""
    source = tmp_path / "v.txt"
    source.write_text(rows(14, columns, eg=0xA600_0214))
    file = source
    for step, ending in enumerate(way):
        target = tmp_path / f"{step}.{ending}"
        options = ["--columns", str(columns)] if len(way) > 1 and ending == "txt" else []
        result = CliRunner().invoke(convert, [str(file), "-o", str(target), *options])
        assert result.exit_code == 0, result.output
        file = target
    assert file.read_text() == source.read_text()


def test_parquet_has_fields_only_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(rows(eg=0xA600_0214))
    result = CliRunner().invoke(convert, [str(tmp_path / "v.txt"), "-o", str(tmp_path / "v.parquet")])
    assert "12 eg words with bits outside the known fields" in result.output


def test_words_that_the_events_lack_are_zeros_and_told(tmp_path: Path) -> None:
    """A test vector of events without external signals must not look as if all of them were off."""
    write_events(tmp_path / "e.parquet", [Events({"jet.et": np.ones((12, 20), np.int16)}, 20)])
    result = CliRunner().invoke(convert, [str(tmp_path / "e.parquet"), "-o", str(tmp_path / "v.txt")])
    text = " ".join(result.output.split())
    assert (
        "not in e.parquet, written as zeros: mu, eg, tau, ett, htt, etm, htm, etmhf, htmhf, link, ext" in text
    )
