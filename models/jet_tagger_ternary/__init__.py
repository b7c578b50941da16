"""The jet tagger with weights and activations of -1, 0, +1; `l1forge.models.jet_tagger` defines it."""
