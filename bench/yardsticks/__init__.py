"""What this machine and this stack can do with no rules at all; each is a process of its own."""
