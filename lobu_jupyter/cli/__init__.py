"""`lobu`: the gateway from a terminal and from scripts, and any program as an agent. Built on click."""
