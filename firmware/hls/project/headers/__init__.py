"""Which release of hls4ml wrote the headers of a project, and what their definitions say."""
