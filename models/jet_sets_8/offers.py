"""What the network offers."""

from l1forge.models.jet_sets.declared import declared

MODEL = declared("jet_sets_8", "a deep set on the leading 8 constituents of a jet")
