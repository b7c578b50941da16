"""Opening NanoAOD: a TTree or an RNTuple, with flat branches or collections stored as records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    import awkward

TREE = "Events"


@dataclass(frozen=True)
class NanoTree:
    """The events of a file; ``keys`` maps flat branch names (``L1EG_pt``) to the file's own (``L1EG.pt``)."""

    path: Path
    tree: Any
    keys: Mapping[str, str]

    @property
    def n(self) -> int:
        """Number of events."""
        return int(self.tree.num_entries)

    def read(self, names: Iterable[str], start: int, stop: int) -> dict[str, Any]:
        """Branches by their flat names as awkward arrays of the events ``start`` .. ``stop - 1``.

        Raises
        ------
        InputError
            If the data is damaged.
        """
        wanted = {name: self.keys[name] for name in sorted(names)}
        try:
            arrays = self.tree.arrays(list(wanted.values()), entry_start=start, entry_stop=stop)
            read = {name: _member(arrays, key) for name, key in wanted.items()}
        except Exception as error:
            raise InputError(
                f"damaged ROOT data: {type(error).__name__}", file=self.path, field=f"{TREE}[{start}]"
            ) from error
        for name, array in read.items():
            if len(array) != stop - start:  # kernels follow lengths without looking
                raise InputError(
                    "damaged ROOT data: number of events", file=self.path, field=name, value=len(array)
                )
        return read


def flat_name(key: str) -> str:
    """``L1EG_pt`` for ``L1EG_pt``, ``L1EG.pt``, ``L1EG/L1EG.pt``, ``L1EG._0.pt`` and ``L1EG.L1EG_pt``."""
    parts = [part for part in key.rpartition("/")[2].split(".") if not part.startswith("_")]
    if len(parts) > 1 and parts[-1].startswith(f"{parts[0]}_"):
        return parts[-1]
    return "_".join(parts)


def _member(arrays: awkward.Array, key: str) -> Any:
    """The array of one key: a field, or a member of a record where the file has records."""
    if key in arrays.fields:
        return arrays[key]
    inside = arrays
    for part in key.split("."):
        if part in inside.fields:
            inside = inside[part]
    return inside


@contextmanager
def open_tree(path: str | Path) -> Iterator[NanoTree]:
    """The events; InputError if the file or the tree can not be read."""
    import uproot  # half a second, needed for this format only

    try:
        file = uproot.open(path)
        names = file.keys(cycle=False)
    except Exception as error:
        raise InputError(
            f"not a readable ROOT file: {type(error).__name__}", file=path, remedy="it may be truncated"
        ) from error
    with file:
        if TREE not in names:
            raise InputError(
                "no such tree", file=path, field=TREE, remedy=f"it has {', '.join(names) or 'nothing'}"
            )
        try:
            tree = file[TREE]
            if not hasattr(tree, "arrays"):
                raise InputError("is not a tree", file=path, field=TREE, value=type(tree).__name__)
            keys = {flat_name(key): key for key in tree.keys()}  # noqa: SIM118
            tree.num_entries  # noqa: B018  read now, not later
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"damaged ROOT data: {type(error).__name__}", file=path, field=TREE, remedy="copy it again"
            ) from error
        yield NanoTree(Path(path), tree, keys)
