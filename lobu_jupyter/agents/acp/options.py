"""The options of a permission: the buttons, the option of a plain yes or no, and the response to the agent.

A plain Approve allows this call only. It never takes an option that the agent remembers, nor one that changes its
mode, whatever kind the agent gives that option. The person presses those by their own names. A rule, a mode or a
grant of ours never takes them either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

if TYPE_CHECKING:
    from lobu_jupyter.model.options import Option

    from .modes import Modes

_WIDER = re.compile(
    r"\b(always|session|all|every(thing)?|auto\w*|bypass\w*|yolo|remember\w*|future|don.?t ask|never ask|full access)\b",
    re.IGNORECASE,
)
_PLAIN = frozenset((
    "yes", "ok", "okay", "allow", "approve", "accept", "proceed", "confirm", "permit", "run", "execute", "do", "once", "just",
    "only", "one", "time", "this", "the", "it", "for", "call", "command", "request", "action", "permission", "now", "please",
))  # fmt: skip
"""The words of an option that allows one call. A name with any other word may say more, so its button says it."""


def offered(options: list[dict[str, Any]], modes: Modes, *, always: bool) -> list[Option]:
    """Return the agent's options as buttons. ``always``: include those by which the agent remembers a yes."""
    found: list[Option] = [
        {
            "id": str(option["optionId"]),
            "name": str(option["name"] or option["optionId"]),
            "kind": option["kind"],
        }
        for option in options
        if always or option["kind"] != "allow_always"
    ]
    ids = [option["id"] for option in found]
    plain = [
        option
        for option in found
        if option["kind"] == "allow_once" and ids.count(option["id"]) == 1 and not _is_wider(option, modes)
    ]
    if len(plain) == 1:
        plain[0]["plain"] = True
    no = next((option for option in found if option["kind"] == "reject_once"), None)
    if no is not None:
        no["plain"] = True
    return found


def _is_wider(option: Option, modes: Modes) -> bool:
    """Return True if a yes allows more than this call: by its name or id, or as a mode of the agent."""
    if not _PLAIN.issuperset(re.findall(r"\w+", option["name"].replace("_", " ").lower())):
        return True
    return _WIDER.search(re.sub(r"[-_]+", " ", option["id"])) is not None or (
        option["id"] in modes.offered and option["id"] != modes.asking
    )


def plain_of(options: list[Option], *, yes: bool) -> str | None:
    """Return the option of a plain yes or no, None if there is none."""
    word = "allow" if yes else "reject"
    return next((o["id"] for o in options if o.get("plain") and o["kind"].startswith(f"{word}_")), None)


def answer(option: str | None) -> RequestPermissionResponse:
    """Return the response to the agent. Without an option the call is cancelled."""
    if option is None:
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
    return RequestPermissionResponse(outcome=AllowedOutcome(option_id=option, outcome="selected"))
