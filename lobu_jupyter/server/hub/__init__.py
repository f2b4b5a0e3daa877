"""The gateway as a service of a JupyterHub: `jupyter lobu-hub`."""
