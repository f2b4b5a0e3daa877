"""The Jupyter server extension: all code that knows Jupyter's server."""

from __future__ import annotations

from pathlib import Path


def openapi_path() -> Path:
    """Return the path of the routes' OpenAPI document, which is YAML."""
    return Path(__file__).with_name("openapi.yaml")
