"""The journal's event for the use of a grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.model.events import Event, custom

if TYPE_CHECKING:
    from lobu_jupyter.model.policy import Ruling


def granted(call_id: str, tool: str, ruling: Ruling) -> Event:
    """Return the event for a call that runs under a grant. It is journaled before the call runs."""
    value = {
        "toolCallId": call_id,
        "grantId": ruling.grant_id,
        "tool": tool,
        "message": f"Ran without asking: {ruling.why}.",
    }
    return custom("lobu.granted", value)
