"""From a trained network to an hls4ml project and to the fixed-point graph of the same circuit."""
