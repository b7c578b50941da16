"""Weights of a dense layer behind a flattened (channels, positions) tensor.

hls4ml 1.3 transposes them and forgets to keep what its fusion of batch norms asks for (``data_unquantized``):
a convolution, ``Flatten``, a linear layer and a batch norm end in an AttributeError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def transposed_weights_complete() -> Iterator[None]:
    """Within the block transposed weights are complete."""
    import hls4ml.model.optimizer.passes.convert_to_channels_last as passes

    earlier = passes.WeightVariable

    def complete(*arguments: object, **more: object) -> Any:
        variable = earlier(*arguments, **more)
        variable.data_unquantized = variable.data
        return variable

    passes.WeightVariable = complete
    try:
        yield
    finally:
        passes.WeightVariable = earlier
