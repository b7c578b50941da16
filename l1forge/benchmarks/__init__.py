"""Speed of the emulator against its peers and against the machine, in one run on the same events."""
