"""Unguessable identifiers: a readable prefix and 128 random bits."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """Return a new id such as ``run_9f…`` (prefix, underscore, 32 hex digits)."""
    return f"{prefix}_{secrets.token_hex(16)}"
