"""From the compiled menu to algorithm bits: plan, kernels, screening."""
