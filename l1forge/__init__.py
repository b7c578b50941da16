"""The `l1forge` command."""
