"""A small project of the user's own, outside this repository: what `l1forge new` writes."""

from l1forge.studies.scaffold.write import KINDS, NewProject, new_project

__all__ = ["KINDS", "NewProject", "new_project"]
