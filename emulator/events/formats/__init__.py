"""Event file formats, one module each; the registry says which exist."""
