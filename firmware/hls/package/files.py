"""Finds the parts of an emulator package: the network, its top function, headers, weights and the wrapper.

Layouts that occur: ``NN/`` with the network and the wrapper beside it, everything in one folder,
``weights.h`` or ``weights/``, weights in a ``.cpp``, several versions side by side. What is compiled is found
as a compiler finds it: from the wrapper (or the top function) through the includes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.package.wrapper import is_wrapper
from l1forge.firmware.hls.project.preprocess import Macros, preprocess, without_comments

_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[\"<]([^\">\n]+)[\">]", flags=re.M)
_TOP = re.compile(r"\bvoid\s+(\w+)\s*\(([^(){};]*)\)\s*\{")
_NETWORK_CALL = re.compile(r"\b(?:nnet|\w+::nnet)::\w+\s*<|\bdense_da_\w+\s*<")
_NOT_OURS = ("ap_", "hls_", "nnet_")
_SUFFIXES = (".cpp", ".cc", ".cxx")
OPTION = "give one of them instead of the folder"


@dataclass(frozen=True)
class Text:
    """A file of the package, as compiled."""

    path: Path
    text: str


@dataclass
class Package:
    """Where everything is; ``texts`` are the package's own files in the order in which they are included."""

    folder: Path
    network: Path
    top: str
    top_file: Path
    wrapper: Path | None = None
    headers: Path | None = None
    texts: list[Text] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    macros: Macros = field(default_factory=Macros)

    @property
    def places(self) -> tuple[Path, ...]:
        """Folders in which includes are looked for."""
        return tuple(dict.fromkeys((self.network, self.folder)))


def is_package(folder: Path) -> bool:
    """Whether ``folder`` (or a wrapper's ``.cpp``) is to be read as a package, not as an hls4ml project."""
    if folder.is_file():
        return folder.suffix in _SUFFIXES
    return folder.is_dir() and not any(
        (folder / name).exists() for name in ("firmware", "src/firmware", "hls4ml_config.yml")
    )


def find_package(path: Path, macros: Macros) -> Package:
    """The package in a folder, or the one whose wrapper ``path`` is.

    Raises
    ------
    InputError
        If there is no network, or several: the folders to choose from are named.
    """
    given = path if path.is_file() else None
    folder = path.parent if given else path
    sources = [given] if given else list(_sources(folder))
    wrappers = [p for p in sources if is_wrapper(_compiled(p, macros))]
    if given and not wrappers:
        raise InputError("holds no class of hls4mlEmulator::Model", file=path, remedy="give the folder")
    wrappers = _nearest(folder, wrappers, macros)
    if len(wrappers) > 1:
        names = [str(p.relative_to(folder)) for p in wrappers]
        raise InputError("holds several models", file=folder, value=names, remedy=OPTION)
    package = _behind(wrappers[0], macros) if wrappers else _without_wrapper(folder, macros)
    _follow(package, macros)
    return package


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file() and not _is_library(path.relative_to(folder)):
            yield path


def _is_library(path: Path) -> bool:
    return any(part in ("ap_types", "nnet_utils", "nn_utils") or part.startswith(".") for part in path.parts)


def _compiled(path: Path, macros: Macros) -> str:
    """The file without comments and without blocks that are left out, macros as they stand."""
    try:
        return preprocess(_read(path), path, Macros(dict(macros.values)))
    except InputError:
        return without_comments(_read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", file=path) from error


def _nearest(folder: Path, wrappers: list[Path], macros: Macros) -> list[Path]:
    """Of several wrappers those that lie nearest to the folder and whose network is there."""
    if len(wrappers) < 2:
        return wrappers
    whole = [p for p in wrappers if _has_network(p, macros)] or wrappers
    depth = min(len(p.relative_to(folder).parts) for p in whole)
    return [p for p in whole if len(p.relative_to(folder).parts) == depth]


def _has_network(wrapper: Path, macros: Macros) -> bool:
    try:
        _behind(wrapper, macros)
    except InputError:
        return False
    return True


def _behind(wrapper: Path, macros: Macros) -> Package:
    """The package of a wrapper: its network is what ``predict`` calls."""
    text = _compiled(wrapper, macros)
    body = re.search(r"\bpredict\s*\(\s*\)[^{;]*\{", text)
    called = set(re.findall(r"\b(\w+)\s*\(", _braced(text, body.end())) if body else ())
    every = [(n, p) for p in _sources(wrapper.parent) if p != wrapper for n in _tops(_compiled(p, macros))]
    found = [item for item in every if item[0] in called]
    if not found:  # predict calls it through another function of the class
        called = set(re.findall(r"\b(\w+)\s*\(", text))
        found = [item for item in every if item[0] in called]
    included = {Path(name).stem for name in _INCLUDE.findall(text)}
    if len(found) > 1:
        near = [item for item in found if item[1].stem in included]
        found = near or found
    if len(found) != 1:
        tops = sorted(called & set(re.findall(r"\w+", text)))
        raise InputError(
            "the network that predict() calls is not in the package"
            if not found
            else "several files define the network that predict() calls",
            file=wrapper,
            value=[str(p.relative_to(wrapper.parent)) for _, p in found] or tops,
            remedy="put the .cpp of the top function beside its headers, once",
        )
    name, path = found[0]
    return Package(wrapper.parent, path.parent, name, path, wrapper)


def _without_wrapper(folder: Path, macros: Macros) -> Package:
    """A network alone: the one function that calls hls4ml's layers."""
    found = [(name, p) for p in _sources(folder) for name in _tops(_compiled(p, macros))]
    if len(found) > 1:
        depth = min(len(p.relative_to(folder).parts) for _, p in found)
        near = [(name, p) for name, p in found if len(p.relative_to(folder).parts) == depth]
        found = [item for item in near if item[1].stem == item[0]] if len(near) > 1 else near
        if len(found) != 1:
            names = sorted({str(p.parent.relative_to(folder)) for _, p in near})
            raise InputError("holds several networks", file=folder, value=names, remedy=OPTION)
    if not found:
        raise InputError(
            "is not an hls4ml project or emulator package: no function calls hls4ml's layers",
            file=folder,
            remedy="give the directory that holds firmware/parameters.h, or the .cpp of the network",
        )
    name, path = found[0]
    return Package(folder, path.parent, name, path)


def _tops(text: str) -> Iterator[str]:
    """Names of the functions that call layers of hls4ml."""
    for match in _TOP.finditer(text):
        if _NETWORK_CALL.search(_braced(text, match.end())):
            yield match.group(1)


def _braced(text: str, start: int) -> str:
    """The text from behind an opening brace to its closing one."""
    depth = 1
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[start:place]
    return text[start:]


def _follow(package: Package, macros: Macros) -> None:
    """Fill ``texts``, ``headers`` and ``others`` of the package by following the includes."""
    seen: set[Path] = set()
    package.macros = macros

    def visit(path: Path) -> None:
        if path.resolve() in seen:
            return
        seen.add(path.resolve())
        compiled = preprocess(_read(path), path, macros)
        for name in _INCLUDE.findall(compiled):
            base = Path(name).name
            found = _resolve(name, path, package)
            if base.startswith("nnet_"):
                if found is not None and package.headers is None:
                    package.headers = found.parent
            elif found is not None and not base.startswith(_NOT_OURS) and not _is_library(Path(name)):
                visit(found)
        package.texts.append(Text(path, compiled))

    visit(package.top_file)
    if package.wrapper is not None:
        visit(package.wrapper)
    folders = {package.network, package.folder}
    package.others = [
        p
        for p in sorted(q for f in folders for q in f.iterdir() if q.suffix in _SUFFIXES)
        if p.resolve() not in seen and not is_wrapper(_compiled(p, macros))
    ]


def _resolve(name: str, path: Path, package: Package) -> Path | None:
    """The file of the package that an include means."""
    for folder in (path.parent, *package.places):
        found = folder / name
        if found.is_file():
            return found
    return None
