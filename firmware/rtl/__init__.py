"""Verilog from the fixed-point graph, without a vendor tool."""

from firmware.rtl.generate import CLOCK_PERIOD_NS, generate
from firmware.rtl.project import Port, RtlProject

__all__ = ["CLOCK_PERIOD_NS", "Port", "RtlProject", "generate"]
