"""Muon transverse momentum from stubs: a quantised network."""
