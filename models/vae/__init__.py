"""Anomaly trigger: a quantised variational autoencoder trained on zero bias only."""
