"""A model as an emulator package for the experiment's offline software."""

from l1forge.firmware.cmssw.project import CmsswProject, write_cmssw

__all__ = ["CmsswProject", "write_cmssw"]
