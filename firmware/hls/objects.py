"""What this package uses of the objects of hls4ml and Keras, as Protocols: both are untyped.

The Protocols name what is used, not all that there is: an attribute that a new release renames is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol


class HlsPrecision(Protocol):
    """``FixedPrecisionType`` and its kin: a number type of the C++. Some kinds have no ``integer``."""

    width: int
    integer: int
    fractional: int
    signed: bool
    rounding_mode: Any
    saturation_mode: Any
    saturation_bits: int


class HlsType(Protocol):
    """``NamedType``: a typedef of the C++."""

    name: str
    precision: Any


class HlsVariable(Protocol):
    """``TensorVariable``: an array between two layers."""

    name: str
    shape: Sequence[int]
    type: HlsType

    def size(self) -> int:
        """Number of elements."""


class HlsWeight(Protocol):
    """``WeightVariable``: constants of a layer."""

    name: str
    type: HlsType
    data: Any
    shape: list[int]
    data_length: int
    nonzeros: int


class HlsLayer(Protocol):
    """``Layer``: a node of hls4ml's graph."""

    name: str
    class_name: str
    index: int
    model: HlsModel
    inputs: Sequence[str]
    outputs: Sequence[str]
    types: MutableMapping[str, HlsType]
    weights: MutableMapping[str, HlsWeight]
    attributes: Mapping[str, Any]

    def get_attr(self, key: str, default: object = None) -> Any:
        """An attribute, or ``default``."""

    def set_attr(self, key: str, value: object) -> None:
        """Set an attribute."""

    def get_input_node(self, name: str | None = None) -> HlsLayer:
        """The layer that writes the (first) input."""

    def get_input_variable(self, name: str | None = None) -> HlsVariable:
        """The (first) input."""

    def get_output_variable(self, name: str | None = None) -> HlsVariable:
        """The (first) output."""

    def get_weights(self) -> Iterable[HlsWeight]:
        """All constants."""


class HlsModel(Protocol):
    """``ModelGraph``: a network as hls4ml has converted it."""

    config: Any
    graph: Mapping[str, HlsLayer]
    l1forge_notes: list[str]
    """Ours: what the conversion has changed."""

    def get_layers(self) -> Iterator[HlsLayer]:
        """The layers in order."""

    def get_input_variables(self) -> list[HlsVariable]:
        """The inputs of the top function."""

    def write(self) -> None:
        """Write the project into the folder of the configuration."""


class KerasLayer(Protocol):
    """``Layer`` of Keras 2 or 3, or of QKeras: only what all of them have is named, the rest is asked for."""

    name: str
    inbound_nodes: Any
    outbound_nodes: Any
    weights: Any

    def get_config(self) -> dict[str, Any]:
        """The arguments that build the layer again."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasLayer:
        """A new layer with these arguments."""

    def get_weights(self) -> list[Any]:
        """The weights as NumPy arrays."""

    def __call__(self, inputs: Any) -> Any:
        """The layer's tensors for those of the layers before it."""

    def __getattr__(self, name: str) -> Any: ...


class KerasModel(Protocol):
    """``Model`` of Keras 2 or 3."""

    name: str
    inputs: list[Any]
    layers: list[KerasLayer]

    def get_config(self) -> dict[str, Any]:
        """The description of the layers and of their connections."""

    def get_layer(self, name: str) -> KerasLayer:
        """The layer of this name."""

    def __call__(self, inputs: Any, training: bool = False) -> Any:
        """The outputs for these inputs."""

    def __getattr__(self, name: str) -> Any: ...
