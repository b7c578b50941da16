"""Event classifier: VBF H->tautau against zero bias, through a TMVA weight file, on trigger objects."""
