"""What a conversion changes and the user should know: kept with the model, shown when it is imported."""

from __future__ import annotations

from collections.abc import Iterable

from l1forge.firmware.hls.objects import HlsModel


def add_notes(hls_model: HlsModel, notes: Iterable[str]) -> None:
    """Append sentences to the notes of an hls4ml ``ModelGraph``."""
    hls_model.l1forge_notes = [*notes_of(hls_model), *notes]


def notes_of(hls_model: HlsModel) -> list[str]:
    """The notes of an hls4ml ``ModelGraph``, in the order in which they were made."""
    return list(getattr(hls_model, "l1forge_notes", []))
