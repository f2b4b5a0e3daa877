"""Python functions that a person offers to agents."""
