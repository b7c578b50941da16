"""From trained models to HLS projects, to the fixed-point graph, to RTL and reports."""
