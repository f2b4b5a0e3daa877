"""One tool call of an MCP client, as the context of the run that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from .bounds import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

CALL_AGENT = "mcp-client"
CALL_CONTEXT = "lobu.call"


class OutsideCall(Struct, frozen=True, kw_only=True):
    """A tool and its arguments, as the client gave them."""

    name: Name
    args: dict[str, Any]

    def context(self) -> dict[str, Any]:
        """Return the call as a context of a run (AG-UI: description, value)."""
        return {"description": CALL_CONTEXT, "value": msgspec.json.encode(self).decode()}


def call_of(context: Iterable[dict[str, Any]]) -> OutsideCall | None:
    """Return the call in a run's context, None if there is none."""
    value = next((c.get("value") for c in context if c.get("description") == CALL_CONTEXT), None)
    try:
        return None if value is None else msgspec.json.decode(str(value), type=OutsideCall)
    except msgspec.DecodeError:
        return None
