"""The kernels of this server: their lives, their proofs and the cells that run in them."""
