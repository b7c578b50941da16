"""conifer's models and projects of tree ensembles."""
