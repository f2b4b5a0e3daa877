"""The model providers that a person sets up in the browser: their keys, kept on this server only."""
