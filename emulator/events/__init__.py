"""Level-1 objects in memory and on disk."""
