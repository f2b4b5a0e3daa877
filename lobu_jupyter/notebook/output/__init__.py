"""The saved output of a ``%lobu`` cell."""
