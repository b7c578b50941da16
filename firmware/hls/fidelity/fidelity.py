"""The comparison of a converted network with the trained one: outputs, then layers in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.floats import Counts
from l1forge.firmware.hls.converters.provenance import file_sha256
from l1forge.firmware.hls.fidelity.frameworks import Framework
from l1forge.firmware.hls.fidelity.frameworks.framework import predicted, shaped
from l1forge.firmware.hls.fidelity.layers import LayerFidelity, compare_layers, looked_at
from l1forge.firmware.hls.fidelity.outputs import BACKGROUND, OutputFidelity, compare_output
from l1forge.firmware.hls.fidelity.run import run_rows
from l1forge.firmware.hls.fidelity.sample import Sample


@dataclass(frozen=True)
class Fidelity:
    """The result: ``casts`` has what the types of the inputs changed, ``versions`` the framework's."""

    data: str
    data_sha256: str
    description: str
    events: int
    versions: dict[str, str]
    casts: dict[str, Counts]
    outputs: list[OutputFidelity]
    layers: list[LayerFidelity]
    layer_events: int
    notes: tuple[str, ...] = ()

    @property
    def first_large(self) -> str | None:
        """The first layer whose difference is large, or None."""
        return next((layer.layer for layer in self.layers if layer.large), None)

    def document(self) -> dict[str, Any]:
        """As JSON: shares between 0 and 1, types in ap_fixed's notation."""
        layers = [asdict(layer) | {"type": str(layer.type), "large": layer.large} for layer in self.layers]
        outputs = [asdict(one) | {"agreement": one.agreement} for one in self.outputs]
        return {
            "data": {"file": self.data, "sha256": self.data_sha256, "read": self.description},
            "events": self.events,
            "framework": self.versions,
            "inputs": {name: asdict(counts) for name, counts in self.casts.items()},
            "outputs": outputs,
            "layers": layers,
            "layer_events": self.layer_events,
            "first_large": self.first_large,
            "notes": list(self.notes),
        }

    def summary(self) -> dict[str, Any]:
        """What the graph keeps: the numbers of the outputs, and the first layer that differs."""
        document = self.document()
        kept = ("data", "events", "framework", "outputs", "first_large", "notes")
        return {key: document[key] for key in kept}


def compare_with_framework(
    graph: Graph,
    framework: Framework,
    sample: Sample,
    background: float = BACKGROUND,
    progress: Callable[[str], None] = lambda step: None,
    some: bool = False,
) -> Fidelity:
    """Predict ``sample`` with the trained network and with the graph.

    Parameters
    ----------
    background
        Share of background events at which efficiencies are compared (with labels).
    some
        Whether the graph may have more outputs than the network (a score behind it, say).

    Raises
    ------
    InputError
        If the two have other inputs or outputs, or the network predicts values that are not finite.
    """
    progress("predicting with the trained network")
    shapes = graph.meta.get("input_shapes", {})
    known = [tuple(shapes[node.name]) if node.name in shapes else None for node in graph.inputs]
    arrays = shaped(framework, list(sample.inputs.values()), known)
    trained = predicted(framework, arrays)
    notes: tuple[str, ...] = ()
    if some and len(trained) < len(graph.outputs):
        graph, left = _some_outputs(graph, trained)
        notes = (f"not compared, since the trained model has no such output: {', '.join(left)}",)
    if len(trained) != len(graph.outputs):
        raise InputError(
            f"the trained model has {len(trained)} outputs, the graph {len(graph.outputs)}", field="outputs"
        )
    progress("predicting with the graph")
    integers, casts = sample.integers(graph)
    ours = run_rows(graph, integers)
    outputs = []
    for name, wanted in zip(graph.outputs, trained, strict=True):
        node = graph[name]
        values = ours[name].reshape(sample.n, -1).astype(np.float64) * node.type.lsb
        flat = wanted.reshape(sample.n, -1).astype(np.float64)
        if flat.shape != values.shape:
            raise InputError(
                f"the trained model predicts {flat.shape[1]} values for each event, the graph {node.size}",
                field=f"output {name}",
                remedy="give the model that this graph was made of",
            )
        if not np.isfinite(flat).all():
            raise InputError("the trained model predicts NaN or infinity", field=f"output {name}")
        outputs.append(compare_output(name, flat, values, sample.labels, background))
    progress("comparing layers")
    count = looked_at(graph, sample.n)
    try:
        inside = framework.layers([array[:count] for array in arrays])
    except Exception as error:  # each framework has its own; the outputs are compared in any case
        inside = {}
        notes += (f"layers are not compared: {' '.join(str(error).split())[:160]}",)
    layers = compare_layers(graph, {name: v[:count] for name, v in integers.items()}, inside)
    return Fidelity(
        data=sample.path.name,
        data_sha256=file_sha256(sample.path),
        description=sample.description,
        events=sample.n,
        versions=framework.versions,
        casts=casts,
        outputs=outputs,
        layers=layers,
        layer_events=count,
        notes=notes,
    )


def _some_outputs(graph: Graph, trained: Sequence[NDArray[Any]]) -> tuple[Graph, list[str]]:
    """``graph`` with the outputs that have the sizes of ``trained``, in order, and the names of the others.

    Raises
    ------
    InputError
        If there is none, or it is not clear which.
    """
    sizes = [int(np.prod(one.shape[1:])) for one in trained]
    of_size = {size: [name for name in graph.outputs if graph[name].size == size] for size in sizes}
    if any(len(names) != sizes.count(size) for size, names in of_size.items()):
        raise InputError(
            f"the trained model predicts {sizes} values, the graph {[graph[n].size for n in graph.outputs]}: "
            "which outputs to compare is not clear",
            field="outputs",
            remedy="give a model with the same outputs",
        )
    kept = [of_size[size].pop(0) for size in sizes]
    left = [name for name in graph.outputs if name not in kept]
    return Graph(graph.name, graph.nodes, kept, graph.meta, graph.file), left
