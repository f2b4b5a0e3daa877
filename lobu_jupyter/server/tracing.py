"""The settings of traces: an OTLP address or the standard OTEL_* variables, whose headers are credentials."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from . import secrets

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from logging import Logger

ENVIRONMENT = "env"
PACKAGE = "opentelemetry-exporter-otlp-proto-http"
HEADERS = (
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
)  # the first one that is set counts


def problem_of(address: str) -> str | None:
    """Return why LobuApp.traces cannot be this, None if it can."""
    if address in ("", ENVIRONMENT):
        return None
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_password = "@" in parts.netloc
    except ValueError:
        fits, has_password = False, False
    if has_password:
        return "must hold no password: set OTEL_EXPORTER_OTLP_HEADERS"
    return None if fits else 'must be an address as in http://127.0.0.1:4318, or "env"'


def traces_of(
    address: str,
    content: bool,
    log: Logger,
    *,
    hide: bool,
    environment: MutableMapping[str, str] = os.environ,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the workers' settings of traces, None for none, and the secrets in them. Kernels lose the headers."""
    if not address:
        return None, []
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        log.warning("lobu: LobuApp.traces needs more packages: pip install 'lobu_jupyter[traces]'")
    found = secrets.take(HEADERS, hide=hide, environment=environment)
    headers = _parsed(next((found[name] for name in HEADERS if name in found), ""))
    settings = {
        "address": None if address == ENVIRONMENT else address,
        "content": content,
        "headers": headers,
    }
    return settings, [*found.values(), *headers.values()]


def _parsed(text: str) -> dict[str, str]:
    """Return the headers of the variable's form ``name=value,name=value``, whose values are percent-encoded."""
    pairs = [part.partition("=") for part in text.split(",") if "=" in part]
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs if name.strip()}
