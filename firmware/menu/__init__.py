"""Trigger menus as Verilog, from the compiled menu and nothing else."""

from l1forge.firmware.menu.generate import generate_menu

__all__ = ["generate_menu"]
