"""One folder per algorithm: definition, training, evaluation, trained artefact."""
