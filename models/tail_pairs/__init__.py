"""Anomaly trigger: how rare are pairs of objects on zero bias that the cut menu rejects; tables and a sum."""
