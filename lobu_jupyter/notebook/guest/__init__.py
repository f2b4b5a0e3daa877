"""Source that is loaded into a person's kernel to run an agent's code."""
