"""The responses to an agent's elicitation, in the protocol's form."""

from __future__ import annotations

from typing import Any

from acp.schema import (
    AcceptElicitationResponse,
    CancelElicitationResponse,
    DeclineElicitationResponse,
)

from lobu_jupyter.agents.tools.forms import filled


def accepted(schema: dict[str, Any], answers: dict[str, Any]) -> AcceptElicitationResponse:
    """Return the filled-in form.

    Raises:
        Unfit: an answer is not of its field's type.
    """
    return AcceptElicitationResponse(action="accept", content=filled(schema, answers))


def declined() -> DeclineElicitationResponse:
    return DeclineElicitationResponse(action="decline")


def cancelled() -> CancelElicitationResponse:
    return CancelElicitationResponse(action="cancel")
