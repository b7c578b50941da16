"""Differential fuzzing: random fixed-point networks, graph against hls4ml's compiled C++, shrunk failures."""
