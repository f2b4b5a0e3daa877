"""Completion of what is typed after `%lobu`: its commands and options, and the slash commands of an outside agent."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.errors import LobuError

from . import session
from .magic import COMMANDS, OPTIONS

if TYPE_CHECKING:
    from lobu_jupyter.model.fold import State

SETTING = {"model": "/model", "thought_level": "/effort", "mode": "/mode"}
_NAME = re.compile(r"[\w:.-]{1,64}")


def complete(shell: Any, event: Any) -> list[str]:
    """Return what may stand at the end of the line, for IPython's hook `complete_command`."""
    typed = str(event.text_until_cursor)
    words = typed.split()[1:]
    last = words.pop() if words and not typed[-1:].isspace() else ""
    if last.startswith("/"):
        found = _commands_of_agent(words)
    elif last.startswith("-"):
        found = list(OPTIONS)
    else:
        found = list(COMMANDS) if not words and not typed.startswith("%%") else []
    return [one for one in found if one.startswith(last)]


def _commands_of_agent(words: list[str]) -> list[str]:
    """Return the commands of the agent that this notebook's chat told of last, or of the one that the line names."""
    link = session.opened()  # completion starts no server
    named = next((after for word, after in pairwise(words) if word == "--agent"), None)
    try:
        thread = link.known_thread() if link is not None else None
        return (
            [] if link is None or thread is None else told(link.client.runs.snapshot(thread.thread_id), named)
        )
    except LobuError:
        return []


def told(state: State, agent: str | None) -> list[str]:
    """Return the slash commands in a folded state. ``agent``: None for the one that told of itself last."""
    values = [
        item["value"]
        for item in state["items"]
        if item.get("name") == "lobu.agent" and agent in (None, item["value"].get("agent"))
    ]
    if not values:
        return []
    names = [one.get("name") for one in values[-1].get("commands") or []]
    own = [f"/{name}" for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
    setting = [
        SETTING[one["category"]] for one in values[-1].get("options") or [] if one.get("category") in SETTING
    ]
    return sorted({*own, *setting})
