"""The ``demo`` agent, which follows fixed rules."""
