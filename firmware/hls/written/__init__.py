"""HLS C++ written from a graph: for models that hls4ml has no layers for, such as tables and sums."""
