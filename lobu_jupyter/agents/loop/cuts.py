"""The reasons why a model did not finish its answer, as pydantic-ai reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai import exceptions as ex

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

_UNFINISHED = ("length", "content_filter", "error")
_PAUSED = "suspended more than the maximum"  # pydantic-ai continues a paused turn itself, a few times


def cut_of(response: ModelResponse) -> str | None:
    """Return why the answer is not complete, or None."""
    return response.finish_reason if response.finish_reason in _UNFINISHED else None


def cut_by(error: Exception) -> str | None:
    """Return why the answer ended with this error, or None if the error is another one."""
    if isinstance(error, ex.OutputTokenLimitExceeded | ex.IncompleteToolCall):
        return "length"
    if isinstance(error, ex.ContentFilterError):
        return "content_filter"
    return "pause_turn" if isinstance(error, ex.UnexpectedModelBehavior) and _PAUSED in str(error) else None
