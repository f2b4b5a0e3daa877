"""The URL map: every route of the wire, by its template under ``{base_url}lobu/api/``."""

from __future__ import annotations

import re
from typing import Any

from lobu_jupyter.server.api import (
    agents,
    agui,
    audit,
    budget,
    events,
    export,
    health,
    interrupts,
    kernel_channels,
    kernels,
    mcp,
    models,
    openapi,
    policy,
    runs,
    socket,
    threads,
    unknown,
    workers,
)

PREFIX = "lobu/api/"
RESOURCES = (
    health, threads, runs, events, socket, interrupts, audit, agui, mcp, agents, models, policy, budget, export, kernels, workers, kernel_channels, openapi
)  # fmt: skip

TEMPLATES: list[tuple[str, Any]] = [route for resource in RESOURCES for route in resource.ROUTES]


def handlers() -> list[tuple[str, Any]]:
    """Return the extension's patterns and handlers. All other paths under the prefix are a JSON 404."""
    return [(_pattern(template), handler) for template, handler in TEMPLATES] + [
        (f"/{PREFIX}(.*)", unknown.UnknownHandler)
    ]


def _pattern(template: str) -> str:
    return f"/{PREFIX}" + re.sub(r"\{\w+\}", r"([^/]+)", template.replace(".", r"\."))
