"""From the files of ML frameworks to an hls4ml project."""
