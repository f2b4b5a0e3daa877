"""The kernels of this server: watched, proved and attended."""
