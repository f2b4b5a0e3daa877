"""The benchmark: what fast means for a person who waits, measured beside yardsticks of the same run."""
