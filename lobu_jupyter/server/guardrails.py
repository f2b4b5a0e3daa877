"""Guardrails that installed packages add, and the secrets that the built-in redaction knows.

A package adds one through the entry point group ``lobu_jupyter.guardrails``: an async function
``(text, where)`` that raises to refuse a person's text. A guardrail that cannot be loaded refuses every
text, and gives the reason.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger

    from lobu_jupyter.gateway.settings import Guardrail

GROUP = "lobu_jupyter.guardrails"
_TOKENS = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTER_TOKEN")


def installed(log: Logger, points: Iterable[EntryPoint] | None = None) -> Guardrail | None:
    """Return all installed guardrails as one, or None if there is none."""
    found = entry_points(group=GROUP) if points is None else points
    guardrails = [_load(point, log) for point in sorted(found, key=lambda point: point.name)]
    if not guardrails:
        return None

    async def all_of_them(text: str, where: str) -> None:
        for guardrail in guardrails:
            await guardrail(text, where)

    return all_of_them


def _load(point: EntryPoint, log: Logger) -> Guardrail:
    try:
        guardrail: Guardrail = point.load()
    except Exception as error:  # foreign code may raise anything. If it fails to load, every text is refused
        log.exception("lobu: the guardrail %s cannot be loaded; every run is refused", point.name)
        why = f"The guardrail {point.name!r} of this server cannot be loaded ({type(error).__name__})."

        async def refuse(text: str, where: str) -> None:
            raise NotAllowed(why, field=where)

        return refuse
    return guardrail


def secrets_of(server: Any, keys: dict[str, str], providers: dict[str, dict[str, Any]]) -> list[str]:
    """Return the server's own secrets: model keys, tokens, password hash, cookie secret."""
    provider = server.identity_provider
    found = [
        *keys.values(),
        *(str(p["api_key"]) for p in providers.values() if p.get("api_key")),
        str(getattr(provider, "token", "")),
        str(getattr(provider, "hashed_password", "")),
        *(os.environ.get(name, "") for name in _TOKENS),
        *_cookie_secret(server),
    ]
    return [secret for secret in found if secret]


def _cookie_secret(server: Any) -> list[str]:
    try:
        return Path(server.cookie_secret_file).read_text().split()
    except (OSError, UnicodeDecodeError):
        return []  # stored elsewhere, or not created yet
