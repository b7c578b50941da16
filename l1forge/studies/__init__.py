"""Workflows as functions with typed results; commands and notebooks call them."""
