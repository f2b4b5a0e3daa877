"""Texts of both doctors (`%lobu doctor`, `lobu doctor`): versions, a server's health and its agents."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def versions_of(packages: Iterable[str]) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in packages)


def agents_of(agents: Iterable[dict[str, Any]]) -> str:
    """Return a server's agents, with the state and hint of those that are not ready, or an empty text."""
    return ", ".join(map(_agent, agents))


def told(value: Any) -> str:
    """Return a JSON value of health in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {told(member)}" for name, member in value.items())
    if isinstance(value, list):
        return ", ".join(told(member) for member in value) or "none"
    return str(value)


def _agent(agent: dict[str, Any]) -> str:
    state = agent.get("state", "ready")
    return str(agent["name"]) if state == "ready" else f"{agent['name']} ({state}: {agent.get('hint', '')})"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
