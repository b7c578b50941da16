"""The events a level-1 trigger sees: Pythia 8, pile-up, detector, trigger objects."""
