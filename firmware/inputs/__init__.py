"""What a network of other programs reads and gives: event columns of its inputs, names of its outputs."""
