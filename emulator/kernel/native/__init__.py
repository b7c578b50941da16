"""Programs as straight vector code for the CPU at hand, written as LLVM IR and compiled by Numba's LLVM."""
