"""The ports of a path's top: words of one crossing, decision, register bus."""

from __future__ import annotations

from l1forge.emulator.events.objects import COLLECTIONS, EXTRA_COLUMNS
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import ALGORITHMS
from l1forge.firmware.menu.verilog import vector
from l1forge.firmware.path.register_map import ADDRESS_BITS, WORD
from l1forge.firmware.rtl.project import Port

BUS = "axi"
"""Node of the ports of the register bus."""
BX_BITS = (ORBIT - 1).bit_length()


def plain_port(name: str, node: str, width: int, element: int = 0) -> Port:
    """A port of ``width`` bits without sign."""
    return Port(name, node, element, f"ufixed<{width},{width}>")


def word_ports() -> list[Port]:
    """Object words, external conditions and link words of one crossing."""
    found = []
    for name, collection in COLLECTIONS.items():
        for slot in range(collection.slots):
            port = name if collection.slots == 1 else f"{name}_{slot}"
            found.append(plain_port(port, name, collection.word_bits, slot))
    for name in ("ext", "link"):
        count, dtype = EXTRA_COLUMNS[name]
        found += [plain_port(f"{name}_{i}", name, 8 * dtype.itemsize, i) for i in range(count)]
    return found


def bus_inputs() -> list[Port]:
    """What drives the AXI4-Lite bus."""
    widths = {
        "awaddr": ADDRESS_BITS,
        "awprot": 3,
        "awvalid": 1,
        "wdata": WORD,
        "wstrb": WORD // 8,
        "wvalid": 1,
    }
    widths |= {"bready": 1, "araddr": ADDRESS_BITS, "arprot": 3, "arvalid": 1, "rready": 1}
    return [plain_port(f"s_axil_{name}", BUS, width) for name, width in widths.items()]


def bus_outputs() -> list[Port]:
    """What answers on the AXI4-Lite bus."""
    widths = {
        "awready": 1,
        "wready": 1,
        "bresp": 2,
        "bvalid": 1,
        "arready": 1,
        "rdata": WORD,
        "rresp": 2,
        "rvalid": 1,
    }
    return [plain_port(f"s_axil_{name}", BUS, width) for name, width in widths.items()]


def decision_ports() -> list[Port]:
    """Crossing number, algorithm bits and decision."""
    bits = [
        plain_port(f"{name}_{i}", name, 64, i)
        for name in ("algo_before", "algo_after")
        for i in range(ALGORITHMS // 64)
    ]
    return [
        plain_port("bx", "bx", BX_BITS),
        plain_port("orbit", "orbit", WORD),
        plain_port("section", "section", WORD),
        *bits,
        *(plain_port(name, name, 1) for name in ("finor", "veto", "accept")),
    ]


def declared(port: Port) -> str:
    """What stands before a port's name in a declaration."""
    return f"{'signed ' if port.fixed.signed else ''}{vector(port.width)}"
