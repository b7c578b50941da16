"""A trained network whose inputs are multiples of the graph's: GeV, where the graph takes hardware codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.fidelity.frameworks.framework import Floats, Framework


class ScaledFramework:
    """``framework`` on inputs times ``factors``: an array for each input, one factor an element, (size,)."""

    def __init__(self, framework: Framework, factors: Sequence[NDArray[np.float64]]) -> None:
        self._framework, self._factors = framework, factors

    @property
    def versions(self) -> dict[str, str]:
        return self._framework.versions

    @property
    def shapes(self) -> list[tuple[int, ...]] | None:
        return self._framework.shapes

    def predict(self, inputs: Sequence[Floats]) -> list[Floats]:
        return self._framework.predict(self._scaled(inputs))

    def layers(self, inputs: Sequence[Floats]) -> dict[str, Floats]:
        return self._framework.layers(self._scaled(inputs))

    def _scaled(self, inputs: Sequence[Floats]) -> list[Floats]:
        pairs = zip(inputs, self._factors, strict=True)
        return [array * factors.reshape(array.shape[1:]) for array, factors in pairs]
