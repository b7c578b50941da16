"""Emulator packages as the experiments publish them: network, input scaling and score in one folder."""
