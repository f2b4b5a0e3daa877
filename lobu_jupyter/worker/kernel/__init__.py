"""A worker's connections to kernels and the executor on them."""
