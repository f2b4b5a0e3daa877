"""Login instructions for an ACP agent, in words, from the methods that the agent itself names."""

from __future__ import annotations

from typing import Any


def how_to_log_in(name: str, methods: list[Any]) -> str:
    """Return the login instructions from the agent's ``authMethods``."""
    ways = [_way(method) for method in methods]
    first = f"{name} needs a login. "
    if not ways:
        return first + "Run it once in a terminal of the server and log in."
    return first + "; or ".join(ways) + "."


def _way(method: Any) -> str:
    title = str(getattr(method, "description", None) or method.name).rstrip(".")
    kind = getattr(method, "type", None)
    if kind == "env_var":
        names = ", ".join(variable.name for variable in method.vars)
        return f"{title}: put {names} into the `env` of this agent in the server's configuration"
    if kind == "terminal":
        more = " ".join(getattr(method, "args", None) or [])
        return f"{title}: in a terminal of the server, run its command{' with ' + more if more else ''}"
    return f"{title} (in a terminal of the server)"
