"""From the C++ of an hls4ml project to the fixed-point graph."""
