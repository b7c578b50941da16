"""Jet tagger of five classes on 16 substructure features: 16-64-32-32-5, with 6-bit weights (QKeras).

`l1forge.models.jet_tagger_ternary` and `l1forge.models.jet_tagger_binary` are its siblings with weights and
activations of -1, 0, +1 and of -1, +1; this package defines, trains and evaluates all three.
"""
