"""External agents over the Agent Client Protocol (ACP), under the laws of every run. See docs/agents.md."""
