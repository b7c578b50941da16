"""Numba's compiler with one set of options, typed for mypy: compiled once, kept on disk, free of the GIL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numba import njit
from numba.core import caching, entrypoints

from l1forge.emulator.folders import cache_place
from l1forge.emulator.trust import distrusted, warn

if TYPE_CHECKING:
    from numba.core.compiler import CompileResult
    from numba.core.typing import Signature

Function = TypeVar("Function", bound=Callable[..., Any])

_IMPORTS = re.compile(r"^(?:from +([\w.]+) +import +(\([^)]*\)|[^\n]+)|import +([^\n]+))", re.MULTILINE)
"""Of a module's top level; what a function imports while it runs cannot be in a kernel."""
_COMMENT = re.compile(r"#[^\n]*")


def compiled(function: Function) -> Function:
    """Compile ``function`` in nopython mode on its first call; later processes load it from disk.

    What is kept on disk is valid for the sources of the function's module and of all modules beside its
    package that it imports, directly or not: Numba alone would only look at the file of the function
    itself, and keep constants and inlined functions of the others as they were.
    """
    return _compile(function)


def kernel(function: Function) -> Function:
    """As ``compiled``, for code that allocates nothing and calls kernels of other modules.

    Arrays are passed on without counting references: that costs an atomic operation per array and call,
    more than many a small function's own work.
    """
    return _compile(function, _nrt=False)


def inlined(function: Function) -> Function:
    """As ``compiled``, for small functions that their callers take in before their types are known."""
    return _compile(function, inline="always")


@contextmanager
def _without_extensions() -> Iterator[None]:
    """Numba imports no third-party extension inside this block; whoever compiles afterwards still gets them.

    Our functions take NumPy arrays only. Numba would import every installed package that extends it (awkward,
    vector and with them sympy and pandas) on the first call: over a second of each start.
    """
    before = entrypoints._already_initialized
    entrypoints._already_initialized = True
    try:
        yield
    finally:
        entrypoints._already_initialized = before


class _Locator(caching.InTreeCacheLocator):  # type: ignore[misc]
    """Beside the module, as Numba does; for an installed module in our cache folder, not in site-packages."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        super().__init__(function, file)
        if not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts):
            self._cache_path = str(cache_place() / "numba" / self.get_suitable_cache_subpath(file))


class _CacheFiles(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (
        caching.UserProvidedCacheLocator,
        _Locator,
        *caching.CompileResultCacheImpl._locator_classes[2:],
    )


class _FunctionCache(caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _CacheFiles


def _compile(function: Function, **options: bool | str) -> Function:
    with _without_extensions():
        dispatcher = njit(nogil=True, **options)(function)
    dispatcher._cache = _FunctionCache(function)
    compile_for = dispatcher._compile_for_args

    def compile_for_arrays(*arguments: object, **named: object) -> Any:
        with _without_extensions():
            return compile_for(*arguments, **named)

    dispatcher._compile_for_args = compile_for_arrays
    kept = dispatcher._cache
    source = Path(function.__code__.co_filename)
    kept._cache_file._source_stamp = _stamp(source)
    place = Path(kept.cache_path)
    # beside the source the cache is as good as the source; elsewhere, nobody else may write there
    if place.parent != source.parent and (reason := distrusted(place)):
        warn(place.parent, reason, "set NUMBA_CACHE_DIR to a folder of your own")
        return cast(Function, njit(nogil=True, **options)(function))
    save = kept.save_overload

    def save_if_possible(signature: Signature, data: CompileResult) -> None:
        with suppress(OSError):  # no room: compiled again by the next process
            save(signature, data)

    kept.save_overload = save_if_possible
    return cast(Function, dispatcher)


@cache
def _stamp(file: Path) -> str:
    """Digest of a module's source and of those that it imports from its own and neighbouring packages."""
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    waiting, texts = {file}, dict[str, bytes]()
    while waiting:
        path = waiting.pop()
        texts[str(path)] = path.read_bytes()
        for place in _imported(texts[str(path)].decode(), path, root):
            for source in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
                if source.is_file() and str(source) not in texts:
                    waiting.add(source)
    return hashlib.sha256(b"\0".join(texts[path] for path in sorted(texts))).hexdigest()


def _imported(text: str, file: Path, root: Path) -> Iterator[Path]:
    """Where the modules would lie that ``text`` imports at its top level, without ``.py``.

    ``from package import name`` may mean a module of the package or what its ``__init__`` holds: both.
    """
    for origin, names, plain in _IMPORTS.findall(text):
        listed = [words.split() for words in _COMMENT.sub("", names or plain).strip("()").split(",")]
        if not origin:
            yield from (root.joinpath(*words[0].split(".")) for words in listed if words)
            continue
        module = origin.lstrip(".")
        dots = len(origin) - len(module)
        base = file.parents[dots - 1] if dots else root
        place = base.joinpath(*module.split(".")) if module else base
        yield place
        yield from (place / words[0] for words in listed if words)
