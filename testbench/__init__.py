"""Co-verification of generated RTL against the emulator."""
