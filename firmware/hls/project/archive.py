"""Projects packed by hls4ml's ``write_tar``."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from l1forge.emulator.errors import InputError


@contextmanager
def unpacked(project: str | Path) -> Iterator[Path]:
    """The project directory itself, or within the block the one that a ``.tar.gz`` holds.

    Raises
    ------
    InputError
        If a file is no such archive, or holds no project or several.
    """
    project = Path(project)
    if not project.is_file() or project.suffix in (".cpp", ".cc", ".cxx"):
        yield project
        return
    with tempfile.TemporaryDirectory(prefix="l1forge_hls_") as folder:
        try:
            with tarfile.open(project) as archive:
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(
                f"is not an archive of a project: {error}",
                file=project,
                remedy="give the project's directory",
            ) from error
        found = sorted(path.parent.parent for path in Path(folder).rglob("firmware/parameters.h"))
        packed = sorted(Path(folder).rglob("parameters.h"))
        if not found and packed:  # an emulator package
            inside = list(Path(folder).iterdir())
            yield inside[0] if len(inside) == 1 and inside[0].is_dir() else Path(folder)
            return
        if len(found) != 1:
            raise InputError(
                "holds no project" if not found else "holds several projects",
                file=project,
                value=[path.name for path in found] or None,
                remedy="unpack it and give the directory that holds firmware/parameters.h",
            )
        yield found[0]
