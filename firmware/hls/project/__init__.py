"""An hls4ml project on disk: its C++ is read, compiled and archived."""
