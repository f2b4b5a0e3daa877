"""Questions at a terminal: shown whole before a decision, and again if they have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.errors import QuestionChanged
from lobu_jupyter.model.interrupts import event_of_interrupt

from . import prompts
from .printing import put_card, put_line

if TYPE_CHECKING:
    from lobu_jupyter.client.http import Client
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.runs import Started


def put_questions(waiting: list[Interrupt]) -> None:
    """Show the open questions."""
    for interrupt in waiting:
        put_card(event_of_interrupt(interrupt))


def put_changed(error: QuestionChanged) -> list[dict[str, Any]]:
    """Report that questions changed, then show and return them as they are now."""
    questions: list[dict[str, Any]] = error.detail.get("interrupts") or []
    put_line(error.message, err=True)
    for question in questions:
        put_card(question)
    return questions


def decide(
    client: Client, thread_id: str, interrupts: list[dict[str, Any]], *, may_skip: bool = False
) -> Started:
    """Ask about a thread's open questions (AG-UI's interrupts) and send the decisions.

    Questions that have changed meanwhile are asked again, as they are now.

    Raises:
        Conflict: somebody else decided.
        LeftOpen: the person skipped one.
    """
    while True:
        entries = [prompts.entry_of(interrupt, may_skip=may_skip) for interrupt in interrupts]
        try:
            return client.policy.resume(thread_id, entries)[0]
        except QuestionChanged as error:
            changed = {one["id"]: one for one in put_changed(error)}
            interrupts = [changed.get(one["id"], one) for one in interrupts]
