"""The whole trigger path as one Verilog top, from the description that the software path reads."""

from l1forge.firmware.path.generate import PathProject, generate_path
from l1forge.firmware.path.register_map import RegisterMap

__all__ = ["PathProject", "RegisterMap", "generate_path"]
