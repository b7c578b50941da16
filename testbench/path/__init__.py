"""The Verilog of a whole trigger path against the emulator, crossing by crossing, register by register."""
