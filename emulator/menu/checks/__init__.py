"""Independent evaluations of a compiled menu: reference, NumPy peer, test-vector check."""
