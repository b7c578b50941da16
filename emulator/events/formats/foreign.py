"""What a file is that was given by mistake: recognised by its first bytes, so that the refusal can say it."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError

BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""

_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip it first"),
    b"BZh": ("bzip2", "bunzip2 it first"),
    b"\xfd7zXZ\0": ("xz", "unxz it first"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd it first"),
    b"PK\x03\x04": ("zip", "unzip it first"),
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TEXT = {
    b"<?xml": ("XML", "an official menu is given as the menu, not as events"),
    b"<!doctype html": ("a web page", "download the file itself"),
    b"<html": ("a web page", "download the file itself"),
    b"<": ("XML", "an official menu is given as the menu, not as events"),
    b"{": ("JSON", "a compiled menu is given as the menu, a graph as the model"),
    b"menu:": ("a YAML menu", "give it as the menu"),
    b"version https://git-lfs": ("a Git LFS pointer, not the file it stands for", "run git lfs pull"),
}


def refuse_foreign(head: bytes, file: str | Path, *, only_text: bool = False) -> None:
    """Raise InputError if ``head``, the first bytes of ``file``, shows that it holds no events.

    ``only_text``: the caller reads text rows alone, so that binary event formats are refused, too.
    """
    for magic, (kind, remedy) in _COMPRESSED.items():
        if head.startswith(magic):
            raise InputError(f"is compressed with {kind}", file=file, remedy=remedy)
    if head.startswith(_UTF16):
        raise InputError("is UTF-16 text", file=file, remedy="save it as UTF-8 or ASCII")
    start = head.removeprefix(BOM).lstrip().lower()
    for magic, (kind, remedy) in _TEXT.items():
        if start.startswith(magic):
            raise InputError(f"is {kind}, not an event file", file=file, remedy=remedy)
    if only_text:
        from l1forge.emulator.events.formats.registry import magics  # it imports the readers of text rows

        for magic, kind in magics().items():
            if head.startswith(magic):
                remedy = "l1forge convert can write test vectors from it"
                raise InputError(f"is a {kind} file, not a test vector", file=file, remedy=remedy)
