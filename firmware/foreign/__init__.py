"""RTL of other people, Verilog or VHDL, behind the ports of a generated design: every driver takes it."""

from l1forge.firmware.foreign.ports import PortMap, read_ports
from l1forge.firmware.foreign.wrap import wrapped

__all__ = ["PortMap", "read_ports", "wrapped"]
