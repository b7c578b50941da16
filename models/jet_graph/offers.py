"""What the network offers."""

from l1forge.models.jet_sets.declared import declared

MODEL = declared("jet_graph", "a graph network on the leading 8 constituents of a jet")
