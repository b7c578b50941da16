"""Directed stimuli for menus: objects that make a seed true or false, searched from the compiled menu."""

from l1forge.testbench.directed.menu.coverage import MenuCoverage
from l1forge.testbench.directed.menu.search import DirectedMenu, directed_menu

__all__ = ["DirectedMenu", "MenuCoverage", "directed_menu"]
