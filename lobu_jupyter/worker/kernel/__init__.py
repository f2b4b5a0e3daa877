"""A worker's connections to kernels, and the executor on top of them."""
