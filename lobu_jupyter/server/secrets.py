"""Model keys: found in the server's configuration or environment, and given only to workers.

A kernel inherits the server's environment. Therefore the variables of keys are removed from it at the
start, unless the administrator configures otherwise. The values stay in this process's memory and go to
the stdin of its workers.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.models.keys import KEY_OF
from lobu_jupyter.model.environment import inherited, is_credential

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

_MORE = ("GEMINI_API_KEY",)


def variables(providers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the environment variables that may hold a key."""
    named = {str(p["api_key_env"]) for p in providers.values() if p.get("api_key_env")}
    return named | set(KEY_OF.values()) | set(_MORE)


def take(
    names: Iterable[str], *, hide: bool, environment: MutableMapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the keys that are set. With `hide`, remove them from the environment."""
    found = {name: environment[name] for name in names if environment.get(name)}
    if hide:
        for name in found:
            del environment[name]
    return found


def resolved(
    providers: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return providers as a worker needs them: ``api_key_env`` replaced by the key, if it is set."""
    return {name: _resolved(provider, keys) for name, provider in providers.items()}


def _resolved(provider: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    found = dict(provider)
    variable = found.get("api_key_env")
    if variable and "api_key" not in found and variable in keys:
        found["api_key"] = keys[variable]
    return found


# -- MCP servers and external agents ----------------------------------------------------------------

_FROM_ENVIRONMENT = "env:"


def outside_variables(configs: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the environment variables that ``env`` and ``headers`` of `configs` name as ``env:NAME``.

    A person's credential is not among them, because no process that an agent runs in gets it.
    """
    return {name for name in _named(configs) if not is_credential(name)}


def refused_variables(configs: Iterable[Mapping[str, Any]], everywhere: Iterable[str]) -> set[str]:
    """Return the credentials that are configured for agents' processes, which do not get them."""
    configs = list(configs)
    names = [*_named(configs), *everywhere, *(name for config in configs for name in inherited(config))]
    return {name for name in names if is_credential(name)}


def _named(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    values = [value for part in _credentials(configs) for value in part.values()]
    return [v.removeprefix(_FROM_ENVIRONMENT) for v in values if v.startswith(_FROM_ENVIRONMENT)]


def outside_resolved(
    servers: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return servers (or agents) as a worker needs them, and the secrets in their configuration."""
    resolved = {name: dict(config) for name, config in servers.items()}
    for config in resolved.values():
        for part in ("env", "headers"):
            if part in config:
                config[part] = {k: _value(str(v), keys) for k, v in config[part].items()}
    named = [keys[name] for name in outside_variables(servers.values()) if name in keys]
    headers = [str(value) for config in resolved.values() for value in (config.get("headers") or {}).values()]
    return resolved, named + headers


def _value(value: str, keys: Mapping[str, str]) -> str:
    if not value.startswith(_FROM_ENVIRONMENT):
        return value
    return keys.get(value.removeprefix(_FROM_ENVIRONMENT), "")


def _credentials(configs: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    parts = [config.get(part) or {} for config in configs for part in ("env", "headers")]
    return [{k: str(v) for k, v in part.items()} for part in parts]
