"""A model in the shape of the global trigger: VHDL entities with object records, as deployed models have."""

from l1forge.firmware.ugt.project import UgtProject, write_ugt

__all__ = ["UgtProject", "write_ugt"]
