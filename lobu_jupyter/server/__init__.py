"""The Jupyter server extension: everything that knows Jupyter's server."""

from __future__ import annotations

from pathlib import Path


def openapi_path() -> Path:
    """The OpenAPI document of the routes, as YAML."""
    return Path(__file__).with_name("openapi.yaml")
