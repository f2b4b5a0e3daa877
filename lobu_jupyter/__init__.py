"""Agents in notebooks whose runs survive reload, restart and doubt."""
