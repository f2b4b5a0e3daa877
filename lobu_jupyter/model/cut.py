"""An answer that its model did not finish: the event ``lobu.cut``, its reasons and their words.

A run whose answer was cut may have ended well all the same, so its terminal event does not say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import custom

if TYPE_CHECKING:
    from .events import Event

CUT = "lobu.cut"
WORDS = {
    "length": "The answer was cut at the model's limit.",
    "content_filter": "The model's content filter stopped the answer.",
    "pause_turn": "The model paused too often and did not finish the answer.",
    "error": "The model broke off the answer with an error.",
    "max_turn_requests": "The agent stopped at its limit of steps.",
}
"""By reason. ``length`` to ``error`` are a model's, ``max_turn_requests`` is an outside agent's."""


def cut(reason: str) -> Event:
    """Return the event that says why an answer is not complete."""
    return custom(CUT, {"reason": reason, "message": WORDS[reason]})
