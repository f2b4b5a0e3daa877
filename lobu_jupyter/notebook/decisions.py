"""What a person says to a run's open questions, as AG-UI ResumeEntries.

A batch is decided whole: decisions on single questions are kept until the last one is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model.interrupts import Interrupt

Entry = dict[str, Any]
Which = str | int | None


class Batch:
    """The decisions made so far on one batch of open interrupts."""

    def __init__(self) -> None:
        self._made: dict[str, Entry] = {}

    def decide(self, open_: list[Entry], which: Which, payload: Entry) -> list[Entry] | None:
        """Note a decision; return the entries to send once all of `open_` are decided.

        ``which``: an interrupt's id or its position; None where only one is undecided.

        Raises:
            ValueError: nothing is open, or `which` does not name one of several.
        """
        ids = [str(interrupt["id"]) for interrupt in open_]
        self._made = {k: v for k, v in self._made.items() if k in ids}
        chosen = self.find(open_, which)["id"]
        self._made[chosen] = {"interruptId": chosen, "status": "resolved", "payload": payload}
        if len(self._made) < len(ids):
            return None
        return [self._made[id_] for id_ in ids]

    def find(self, open_: list[Entry], which: Which) -> Entry:
        """The interrupt that `which` names."""
        if not open_:
            raise ValueError("Nothing waits for a decision on this run.")
        if isinstance(which, int):
            return open_[which]
        if which is not None:
            for interrupt in open_:
                if which in (interrupt["id"], interrupt.get("toolCallId")):
                    return interrupt
            raise ValueError(f"No open question has the id {which!r}.")
        left = [interrupt for interrupt in open_ if interrupt["id"] not in self._made]
        if len(left) != 1:
            raise ValueError(_which_of(left))
        return left[0]


def _which_of(left: list[Entry]) -> str:
    lines = [f"  {n}: {question_of(interrupt)}" for n, interrupt in enumerate(left)]
    return "Several questions are open; name one, as in run.approve(0), or run.approve('all'):\n" + "\n".join(
        lines
    )


def question_of(interrupt: Entry) -> str:
    """The question in one line."""
    questions = lobu(interrupt).get("questions") or []
    if questions:
        return " / ".join(str(q.get("question")) for q in questions)
    return str(interrupt.get("message") or f"{lobu(interrupt).get('toolName', 'A tool')} wants to run")


def lobu(interrupt: Entry) -> Entry:
    """Our own members of a journaled interrupt: toolName, args, decisions, questions …"""
    return (interrupt.get("metadata") or {}).get("lobu") or {}


def approval(grant: str | None = None) -> Entry:
    """Run the call as asked. ``grant``: ``thread`` or ``notebook``, approve also the next such calls."""
    return {"approved": True} if grant is None else {"approved": True, "grant": grant}


def edit(interrupt: Entry, changed: Entry) -> Entry:
    """Run the call with `changed` arguments; the others stay as asked."""
    return {"approved": True, "editedArgs": {**(lobu(interrupt).get("args") or {}), **changed}}


def rejection(reason: str) -> Entry:
    """Do not run the call; the agent is told why."""
    return {"approved": False, "reason": reason} if reason else {"approved": False}


def answers(interrupt: Entry, given: tuple[Any, ...], by_id: Entry) -> Entry:
    """Answers in the order of the questions, or by their ids.

    Raises:
        ValueError: there are more answers than questions.
    """
    if len(given) == 1 and isinstance(given[0], dict):
        return {"answers": {**given[0], **by_id}}
    questions = lobu(interrupt).get("questions") or []
    if len(given) > len(questions):
        raise ValueError(f"There are {len(questions)} questions and {len(given)} answers.")
    named = {str(question["id"]): answer for question, answer in zip(questions, given, strict=False)}
    return {"answers": {**named, **by_id}}


def said(interrupt: Interrupt, text: str) -> Entry:
    """A message of a person as the decision: the answer where the agent asked, else a rejection with this reason."""
    if "answer" in interrupt.decisions and interrupt.questions:
        first = interrupt.questions[0]
        return {"answers": {str(first["id"]): [text] if first.get("multiple") else text}}
    return rejection(text)
