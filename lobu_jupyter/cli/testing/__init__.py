"""Notebooks executed against recordings: `lobu test`, and the pytest plugin."""
