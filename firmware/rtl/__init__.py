"""Verilog from the fixed-point graph, without a vendor tool."""

from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.firmware.rtl.generate import generate
from l1forge.firmware.rtl.project import Port, RtlProject

__all__ = ["CLOCK_PERIOD_NS", "Port", "RtlProject", "generate"]
