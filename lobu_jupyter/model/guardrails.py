"""A guardrail's view of one text between an agent and its model."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Direction = Literal["to_model", "from_model"]
Kind = Literal["instructions", "prompt", "tool_result", "text", "thinking", "tool_args", "other"]


class ModelText(Struct, frozen=True, kw_only=True):
    """The place of a text that a guardrail judges. ``tool``: of a ``tool_result`` or ``tool_args``, whose text is JSON.

    ``earlier``: True for a text of an earlier run of the thread, which is withheld if it is refused.
    """

    direction: Direction
    kind: Kind
    agent: str
    thread_id: str
    run_id: str
    model: str = ""
    tool: str | None = None
    earlier: bool = False
