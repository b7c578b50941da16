"""Event files at an address (https://…, root://…, memory://…), through fsspec: listed, and copied before use.

Event files are read through memory maps and by their first bytes, so that each is copied whole into a
temporary folder of the process when it is first used. The folder goes when the process ends.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError
from l1forge.emulator.extras import naming_extras

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_LOCK = threading.Lock()
_COPIES: dict[str, Path] = {}
_FOLDER: list[Path] = []


def is_remote(name: str) -> bool:
    """Is ``name`` an address rather than a path?"""
    return "://" in name


def listed(pattern: str) -> list[str]:
    """The files that a pattern with ``*`` names, in order; an address without one as it is.

    Raises
    ------
    InputError
        If the protocol is not known, or nothing can be listed.
    """
    if "*" not in pattern:
        return [pattern]
    system = _system(pattern)
    try:
        found = sorted(map(str, system.glob(pattern)))
    except Exception as error:
        raise _unreadable(pattern, error) from error
    return [name if is_remote(name) else str(system.unstrip_protocol(name)) for name in found]


def local_file(name: str) -> Path:
    """The path of a file, or of the local copy of an address."""
    return local_copy(name) if is_remote(name) else Path(name)


def local_copy(name: str) -> Path:
    """A local copy of a remote file, made when it is first asked for.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with _LOCK:
        if name not in _COPIES:
            if not _FOLDER:
                _FOLDER.append(Path(tempfile.mkdtemp(prefix="l1forge-remote-")))
                atexit.register(shutil.rmtree, _FOLDER[0], ignore_errors=True)
            target = _FOLDER[0] / f"{len(_COPIES)}-{PurePosixPath(name.partition('?')[0]).name or 'file'}"
            system = _system(name)
            try:
                system.get_file(_inside(system, name), str(target))
            except Exception as error:
                target.unlink(missing_ok=True)
                raise _unreadable(name, error) from error
            _COPIES[name] = target
        return _COPIES[name]


def identity(name: str) -> str:
    """A text that changes if the remote file does, as far as its server tells."""
    system = _system(name)
    try:
        info = system.info(_inside(system, name))
    except Exception as error:
        raise _unreadable(name, error) from error
    told = {key: str(info[key]) for key in ("size", "ETag", "mtime", "created", "checksum") if key in info}
    return f"{name} {sorted(told.items())}"


def _inside(system: AbstractFileSystem, name: str) -> str:
    return str(system._strip_protocol(name))


@naming_extras()
def _system(name: str) -> AbstractFileSystem:
    import fsspec

    protocol = name.partition("://")[0]
    try:
        return fsspec.filesystem(protocol)
    except ValueError as error:
        raise InputError(
            "protocol is not known", field="INPUT", value=name, remedy="such as https:// or root://"
        ) from error
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise InputError(
            f"needs another package: {error}", field="INPUT", value=name, remedy="install it"
        ) from error


def _unreadable(name: str, error: Exception) -> InputError:
    said = (str(error).splitlines() or [""])[0] or type(error).__name__
    return InputError(f"cannot be read: {said}", file=name, remedy="check the address")
