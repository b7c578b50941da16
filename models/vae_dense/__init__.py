"""A dense VAE (57-32-16-3) in QKeras: the network of the speed comparisons and of the hls4ml examples."""
