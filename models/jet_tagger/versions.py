"""The versions of the tagger: precision of weights, activations and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType

HIDDEN = (64, 32, 32)
SIZES = (16, *HIDDEN, 5)


@dataclass(frozen=True)
class TaggerVersion:
    """One precision of the network 16-64-32-32-5.

    Parameters
    ----------
    name
        Of the model and its folder.
    kind
        ``bits``: 6-bit weights and activations; ``ternary``: -1, 0, +1; ``binary``: -1, +1.
    input_text
        Type of the 16 inputs.
    """

    name: str
    title: str
    kind: Literal["bits", "ternary", "binary"]
    input_text: str

    @property
    def input_type(self) -> FixedType:
        """Type of the 16 inputs."""
        return FixedType.parse(self.input_text)


SIX_BITS = TaggerVersion("jet_tagger", "6 bit", "bits", "fixed<8,4>")
TERNARY = TaggerVersion("jet_tagger_ternary", "ternary", "ternary", "fixed<6,3>")
BINARY = TaggerVersion("jet_tagger_binary", "binary", "binary", "fixed<6,3>")
VERSIONS = {version.name: version for version in (SIX_BITS, TERNARY, BINARY)}


def version(name: str) -> TaggerVersion:
    """The version of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in VERSIONS:
        raise InputError("unknown version", field="name", value=name, remedy=f"use {', '.join(VERSIONS)}")
    return VERSIONS[name]
