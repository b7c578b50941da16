"""Streams of bunch crossings: blocks, filling scheme, signal injection."""
