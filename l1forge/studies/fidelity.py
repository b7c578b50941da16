"""Trained networks against their graphs on a user's data, and types chosen from data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError
from l1forge.studies.defaults import default_zero_bias
from l1forge.studies.working_point import WorkingPoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.hls.choose.choose import Choice
    from l1forge.firmware.hls.choose.types_file import TypesFile
    from l1forge.firmware.hls.converters.conversion import Conversion
    from l1forge.firmware.hls.fidelity.fidelity import Fidelity
    from l1forge.firmware.hls.fidelity.sample import Sample
    from l1forge.firmware.inputs.columns import Column

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChooseTypes:
    """Choose types with the events of ``data``; ``loss`` as ``StatedLoss.parse`` reads it, or None.

    Instead of a file, ``data`` may be the rate at which the score triggers: what is lost there is the loss.
    """

    data: Path | WorkingPoint
    loss: str | None = None
    labels: str | None = None
    correct_bias: bool = False
    rtl_points: int = 4


def chosen(
    conversion: Conversion,
    how: ChooseTypes,
    input_type: str | dict[str, str] | None,
    file: TypesFile,
    precision: Mapping[str, Mapping[str, str]],
    seed: int,
    progress: Say,
    wiring: Sequence[Column] | None = None,
) -> Choice:
    """The types that nothing gives yet: neither the model, nor ``input_type``, ``file`` or ``precision``."""
    from l1forge.firmware.hls.choose.choose import choose_types
    from l1forge.firmware.hls.choose.loss import StatedLoss
    from l1forge.firmware.hls.fidelity.frameworks import open_framework

    loss = StatedLoss.parse(how.loss) if how.loss is not None else None
    data: Path | Callable[[Graph], Sample]
    if isinstance(how.data, WorkingPoint):
        loss = StatedLoss("rate", how.data.loss, how.data.rate_khz)
        data = partial(_sample_at_rate, how.data, wiring)
    else:
        data = how.data
    with conversion.quiet():
        framework = open_framework(conversion.model, conversion.weights, conversion.shapes)
    fixed = file.arguments(input_type or "fixed<16,6>", precision)[1]
    inputs = input_type
    if input_type is None and file.inputs:
        inputs = file.arguments(None, precision)[0]
    return choose_types(
        conversion,
        framework,
        data,
        loss=loss,
        inputs=inputs,
        fixed=fixed,
        labels=how.labels,
        default=str(conversion.settings["default_precision"]),
        correct_bias=how.correct_bias,
        rtl_points=how.rtl_points,
        seed=seed,
        progress=progress,
        wiring=wiring,
    )


def _sample_at_rate(point: WorkingPoint, wiring: Sequence[Column] | None, graph: Graph) -> Sample:
    """Zero bias and signal as the network's inputs."""
    from l1forge.firmware.hls.fidelity.sample import Sample
    from l1forge.firmware.inputs.binding import dealt, values_of

    if wiring is None:
        raise InputError(
            "the inputs are not event columns",
            field="--rate",
            remedy="name one for each element with --source",
        )
    parts = dealt(graph, wiring)
    codes, labels = point.codes([column for own in parts.values() for column in own])
    inputs, place = {}, 0
    for name, own in parts.items():
        inputs[name] = values_of(own, codes[:, place : place + len(own)])
        place += len(own)
    kinds = "zero bias" if labels is None else "zero bias and signal"
    return Sample(point.zero_bias or default_zero_bias(), inputs, labels, f"event columns, {kinds}")


@dataclass(frozen=True)
class TrainedModel:
    """A trained network, and the events on which a graph is compared with it.

    ``weights``: of a Keras ``.json``; ``shapes``: of the inputs of a ``.pt`` file; ``labels``: see
    ``read_sample``; ``background``: the share of background at which efficiencies are compared.
    """

    model: Path
    weights: Path | None
    shapes: Sequence[tuple[int, ...]]
    data: str | Path
    labels: str | None
    background: float

    def compared(
        self,
        graph: Graph,
        progress: Say,
        *,
        factors: Sequence[NDArray[np.float64]] | None = None,
        some: bool = False,
        wiring: Sequence[Column] | None = None,
    ) -> Fidelity:
        """The trained network against ``graph``.

        Parameters
        ----------
        factors
            What the elements of each input are multiplied with for the trained network, (size,).
        wiring
            What each input element reads, for files of events (``firmware.inputs.columns``).
        some
            The network may have fewer outputs than the graph: those of the same sizes are compared.

        Raises
        ------
        InputError
            If data, network and graph do not fit.
        """
        from l1forge.firmware.hls.fidelity.fidelity import compare_with_framework
        from l1forge.firmware.hls.fidelity.frameworks import open_framework
        from l1forge.firmware.hls.fidelity.frameworks.scaled import ScaledFramework
        from l1forge.firmware.hls.fidelity.sample import read_sample
        from l1forge.screen.quiet import quiet_stderr

        if not 0 < self.background < 1:
            raise InputError("is a share between 0 and 1", field="--background", value=self.background)
        sample = read_sample(self.data, graph, self.labels, wiring=wiring)
        progress("loading the trained network")
        with quiet_stderr():
            framework = open_framework(self.model, self.weights, self.shapes)
            if factors is not None:
                framework = ScaledFramework(framework, factors)
            return compare_with_framework(graph, framework, sample, self.background, progress, some)


def check_reference(reference: str | Path | None, data: str | Path | None) -> None:
    """Both or neither: a reference without data compares nothing, data without a reference neither."""
    if (reference is None) != (data is None):
        missing, given = ("--data", "--reference") if data is None else ("--reference", "--data")
        raise InputError(f"{given} needs {missing}", field=missing, remedy="give both, or neither")
