"""Verilog from the fixed-point graph, without a vendor tool."""

from l1forge.firmware.rtl.generate import CLOCK_PERIOD_NS, generate
from l1forge.firmware.rtl.project import Port, RtlProject

__all__ = ["CLOCK_PERIOD_NS", "Port", "RtlProject", "generate"]
