"""Agents, which turn a task into AG-UI events. They know nothing of storage or of HTTP to the gateway."""
