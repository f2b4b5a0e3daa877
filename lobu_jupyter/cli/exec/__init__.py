"""``lobu exec``: a command line agent as a worker."""
