"""The one error of bad input: one line, whatever other libraries said."""

from l1forge.emulator.errors import SHOWN, InputError


def test_one_line_with_file_field_value_and_remedy():
    error = InputError(
        "cannot be read:\n- method gz\r\n- method xz", file="a.tar", field="x", value=3, remedy="copy it"
    )
    assert str(error) == "a.tar: x: cannot be read: - method gz - method xz (got 3); copy it"
    assert (error.file, error.field, error.value, error.remedy) == ("a.tar", "x", 3, "copy it")


def test_long_values_are_cut():
    assert str(InputError("too long", value="a" * 10_000)) == f"too long (got '{'a' * (SHOWN - 1)}…)"
