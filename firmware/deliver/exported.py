"""The manifest of an exported folder: what it holds, and of which graph it was made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar, Self, get_type_hints

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph


@dataclass(frozen=True)
class Exported:
    """A folder with a model for somebody else's build; ``digest``: of what the graph computes.

    Subclasses add fields of text, numbers and tuples of text, and say which file holds them: ``MANIFEST``,
    with ``FORMAT`` and ``FORMAT_VERSION``, is what ``COMMAND`` wrote for ``READER``.
    """

    folder: Path
    name: str
    version: str
    digest: str

    MANIFEST: ClassVar[str]
    FORMAT: ClassVar[str]
    FORMAT_VERSION: ClassVar[int]
    READER: ClassVar[str]
    COMMAND: ClassVar[str]

    @property
    def base(self) -> str:
        """Name and version: stem of the files."""
        return f"{self.name}_{self.version}"

    def save(self, folder: Path) -> None:
        """Write the manifest."""
        document = asdict(self)
        del document["folder"]
        head = {"format": self.FORMAT, "version_of_format": self.FORMAT_VERSION}
        text = json.dumps(head | document, indent=1)
        (folder / self.MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an exported folder.

        Raises
        ------
        InputError
            If it has no manifest of this format, or a value is missing or of another type.
        """
        file = Path(folder) / cls.MANIFEST
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if (document.pop("format"), document.pop("version_of_format")) != (
                cls.FORMAT,
                cls.FORMAT_VERSION,
            ):
                raise ValueError("another format")
            hints = get_type_hints(cls)
            for one in fields(cls):
                if one.name != "folder":
                    document[one.name] = _value(one.name, document[one.name], hints[one.name])
            found = cls(Path(folder), **document)
            found.check()
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            InputError,
        ) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else error
            raise InputError(
                f"is not an export for {cls.READER}: {reason}", file=file, remedy=f"l1forge {cls.COMMAND}"
            ) from error
        return found

    def check(self) -> None:
        """Refuse values that no export has, with ValueError or InputError."""

    def is_of(self, graph: Graph) -> bool:
        """Whether the folder was exported from this graph (with its one output)."""
        return digest_of(graph) == self.digest


def _value(name: str, value: object, kind: object) -> object:
    """A value of the manifest in the type of its field."""
    if kind == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError(f"{name} is no list of names")
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{name} is no {'text' if kind is str else 'number'}")
    return value


def digest_of(graph: Graph) -> str:
    """Identifies what a graph computes: nodes and outputs, not its notes."""
    return hashlib.sha256(Graph(graph.name, graph.nodes, graph.outputs).to_json().encode()).hexdigest()
