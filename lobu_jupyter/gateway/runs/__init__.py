"""The life of a run, from its acceptance to its one end."""
