"""Published designs rebuilt, and synthesised as ours are: `make synth-published`."""
