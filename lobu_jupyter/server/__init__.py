"""The Jupyter server extension: everything that knows Jupyter's server."""
