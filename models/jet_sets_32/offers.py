"""What the network offers."""

from l1forge.models.jet_sets.declared import declared

MODEL = declared("jet_sets_32", "a deep set on the leading 32 constituents of a jet")
