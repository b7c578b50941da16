"""Errors of a conversion in the user's terms: his file and layers instead of generated C++ in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError


class Blame:
    """Names of a conversion: ``model`` is the user's file, ``folder`` where the project is written.

    ``hls_model`` is set as soon as there is one: its layers have the user's names and kinds.
    """

    def __init__(self, model: Path, folder: Path) -> None:
        self.model, self.folder = model, folder
        self.hls_model: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """An InputError inside the block about the generated project becomes one about the user's model.

        Raises
        ------
        InputError
            With the file, layer and kind of layer that the user wrote.
        """
        try:
            yield
        except InputError as error:
            about = str(error.field or "").startswith(("layer ", "model ", "network"))
            if not (self._generated(error.file) or (error.file is None and about)):
                raise
            raise InputError(
                self._plain(error.problem),
                file=self.model,
                field=self._field(error.field),
                value=self._value(error),
                remedy=self._plain(error.remedy) if error.remedy else None,
            ) from error

    def _generated(self, file: str | Path | None) -> bool:
        return file is not None and Path(file).is_relative_to(self.folder)

    def _plain(self, text: str) -> str:
        """Without the paths of the project."""
        return re.sub(re.escape(str(self.folder)) + r"/?", "", text)

    def _field(self, field: str | None) -> str | None:
        """``config5`` is the configuration of the layer with number 5."""
        if field is None or self.hls_model is None:
            return field
        names = {str(layer.index): layer.name for layer in self.hls_model.get_layers()}
        found = re.search(r"\bconfig(\d+)(?:_\w+)?\b", field)
        return f"layer {names[found[1]]}" if found and found[1] in names else field

    def _value(self, error: InputError) -> object:
        """The kind of the layer instead of the function that hls4ml calls for it."""
        value = self._plain(error.value) if isinstance(error.value, str) else error.value
        if not isinstance(value, str) or not value.startswith("nnet::") or self.hls_model is None:
            return value
        name = str(error.field or "").removeprefix("layer ")
        kinds = {layer.name: str(layer.get_attr("class_name")) for layer in self.hls_model.get_layers()}
        return kinds.get(name, value.removeprefix("nnet::"))
