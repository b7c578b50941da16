"""From events or arrays to a model's scores, and the files that hold scores."""
