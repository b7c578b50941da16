"""Makes a failing network smaller while it keeps failing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.fuzz.network import Network

STEPS = 60


def shrink(network: Network, fails: Callable[[Network], bool]) -> Network:
    """Repeatedly take the first simpler network that still fails; at most ``STEPS`` trials."""
    trials = 0
    while True:
        for simpler in candidates(network):
            trials += 1
            if trials > STEPS:
                return network
            if fails(simpler):
                network = simpler
                break
        else:
            return network


def candidates(network: Network) -> Iterator[Network]:
    """Simpler networks, the boldest simplification first."""
    for position in range(len(network.layers) - 1, 0, -1):
        yield from _without(network, position)
    for layer, types in network.precision.items():
        for key, text in types.items():
            if text == "auto":
                continue
            kind = FixedType.parse(text)
            plain = FixedType(kind.width, kind.integer, kind.signed)
            if plain != kind:
                simpler = copy.deepcopy(network)
                simpler.precision[layer][key] = str(plain)
                yield simpler
    for position, entry in enumerate(network.layers):
        for key, value in entry.items():
            if key.endswith("_data") and _any(value):
                simpler = copy.deepcopy(network)
                simpler.layers[position][key] = _zeros(value)
                yield simpler


def _without(network: Network, position: int) -> Iterator[Network]:
    """End the network before a layer, or bypass it (its readers read what it read)."""
    name = network.layers[position]["name"]
    if name in network.outputs and position > 1:
        simpler = copy.deepcopy(network)
        source = simpler.layers[position]["inputs"][0]
        del simpler.layers[position]
        simpler.outputs = [source if out == name else out for out in simpler.outputs]
        if source != simpler.layers[0]["name"]:
            yield simpler
        return
    simpler = copy.deepcopy(network)
    source = simpler.layers[position]["inputs"][0]
    del simpler.layers[position]
    for layer in simpler.layers:
        layer["inputs"] = [source if i == name else i for i in layer["inputs"]]
    yield simpler


def _any(value: object) -> bool:
    return any(_any(v) for v in value) if isinstance(value, list) else bool(value)


def _zeros(value: object) -> object:
    return [_zeros(v) for v in value] if isinstance(value, list) else 0.0
