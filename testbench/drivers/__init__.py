"""Drivers of the simulated RTL: cocotb, compiled harness, PyVerilator."""
