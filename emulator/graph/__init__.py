"""The fixed-point graph: types, nodes, text format, integer semantics of every operation."""
