"""Questions at a terminal: shown whole before a decision, and again if they have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lobu_jupyter.model.interrupts import event_of_interrupt

from .printing import put_card

if TYPE_CHECKING:
    from lobu_jupyter.model.errors import QuestionChanged
    from lobu_jupyter.model.interrupts import Interrupt


def put_questions(waiting: list[Interrupt]) -> None:
    """Show the open questions."""
    for interrupt in waiting:
        put_card(event_of_interrupt(interrupt))


def put_changed(error: QuestionChanged) -> list[dict[str, Any]]:
    """Report that questions changed, then show and return them as they are now."""
    questions: list[dict[str, Any]] = error.detail.get("interrupts") or []
    click.echo(error.message, err=True)
    for question in questions:
        put_card(question)
    return questions
