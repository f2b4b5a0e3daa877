"""The agent loop on pydantic-ai."""
