"""What the options --source, --units, --offset and --shift say, and what they may not."""

from fractions import Fraction
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.package.columns import exact
from l1forge.firmware.inputs.columns import Column, parse_column, read_columns


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("jet.et[0]", Column("jet.et[0]", None)),
        ("jet.et[0]*0.5", Column("jet.et[0]", Fraction(1, 2))),
        (" mu.pt[7] * 1/3 ", Column("mu.pt[7]", Fraction(1, 3))),
        ("jet.et[0]*physical", Column("jet.et[0]", Fraction(1, 2))),
        ("jet.eta[1]*physical", Column("jet.eta[1]", Fraction(435, 10000))),
        ("etm.et[0]*2 offset=12.5 shift=-1", Column("etm.et[0]", Fraction(2), Fraction(25, 2), -1)),
        ("0", Column("0", None)),
    ],
)
def test_entries(text: str, column: Column) -> None:
    assert parse_column(text, "--source") == column
    assert parse_column(str(column), "--source") == column


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jet.et[12]", r"not an event column.*jet\.et\[0\] … jet\.et\[11\]"),
        ("jet.xx[0]", "not an event column"),
        ("", "is not a column"),
        ("jet.et[0]\x00", "not an event column"),
        ("jet.et[0]*", "is not understood|is not a column|not an event column"),
        ("jet.et[0]*nan", "is not a number"),
        ("jet.et[0]*1/0", "is not a number"),
        ("jet.et[0]*1e400", "is not a number"),
        ("jet.et[0] shift=1.5", "is not a shift"),
        ("jet.et[0] shift=9999", "is not a shift"),
        ("jet.et[0] scale=2", r"is not understood.*scale=2"),
    ],
)
def test_entries_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_column(text, "--source")


def test_lists_files_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "columns.txt").write_text("# leading jet\njet.et[0]*physical\n\njet.phi[0],  # code\n")
    (tmp_path / "scales.h").write_text("const ap_fixed<5,5> ad_shift[3] = {-1, 0, 2}; // bits\n")
    found = read_columns(
        [str(tmp_path / "columns.txt"), "eg.et[0]"], "code", "1,2,3", str(tmp_path / "scales.h")
    )
    assert [str(column) for column in found] == [
        "jet.et[0]*0.5 offset=1 shift=-1",
        "jet.phi[0]*1 offset=2",
        "eg.et[0]*1 offset=3 shift=2",
    ]
    assert [c.factor for c in read_columns(["jet.et[0],eg.iso[1]"], "physical")] == [Fraction(1, 2), 1]
    long = ",".join(f"jet.et[{i % 12}]*0.5 offset=1" for i in range(57))  # longer than a file's name may be
    assert len(read_columns([long], None, None, ",".join(["3"] * 57))) == 57
    assert [c.shift for c in read_columns(["jet.et[0],jet.et[1]"], None, None, "3")] == [3, 3]


@pytest.mark.parametrize(
    ("columns", "offset", "message"),
    [
        ("jet.et[0],jet.et[1]", "1,2,3", "3 numbers for 2 columns"),
        ("jet.et[0] offset=1", "2", "has its own offset"),
        ("jet.et[0]", "much", "is not a number"),
    ],
)
def test_numbers_refused(columns: str, offset: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_columns([columns], None, offset)


def test_files_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "bad.txt").write_text("jet.et[0]\njet.et[99]\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, message in (
        ("empty.txt", "names no column"),
        ("bad.txt", "line 2"),
        ("binary", "not a text file"),
    ):
        with pytest.raises(InputError, match=message):
            read_columns([str(tmp_path / name)])


def test_columns_of_a_package_have_factors_and_nothing_else() -> None:
    assert exact(read_columns(["jet.et[0]*0.5,0"])) == [Column("jet.et[0]", Fraction(1, 2)), Column("0")]
    for text, message in (
        ("jet.et[0]*1/3", "not a multiple of a power of two"),
        ("jet.et[0] shift=1", "the package scales its inputs itself"),
    ):
        with pytest.raises(InputError, match=message):
            exact(read_columns([text]))
