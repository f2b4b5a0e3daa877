"""A person's decisions on a run's open questions, as AG-UI ResumeEntries.

A batch is decided whole: decisions on single questions are kept until the last one is made.
"""

from __future__ import annotations

from typing import Any

from lobu_jupyter.model.digest import digest_of_wire
from lobu_jupyter.model.interrupts import decide, interrupt_from_event

ResumeEntry = dict[str, Any]
Which = str | int | None


class PendingDecisions:
    """The decisions made so far on a thread's open interrupts, from any cell."""

    def __init__(self) -> None:
        self._made: dict[str, ResumeEntry] = {}
        self._shown: dict[str, str] = {}

    def show(self, open_: list[ResumeEntry]) -> None:
        """Record that the person sees these questions as they read now."""
        self._shown = {str(one["id"]): digest_of_wire(one) for one in open_}

    def is_another(self, open_: list[ResumeEntry]) -> bool:
        """Return whether one of these questions came after those that were last shown in this kernel."""
        return bool(self._shown) and any(one["id"] not in self._shown for one in open_)

    def forget(self) -> None:
        """Drop the decisions and the shown questions, because a question has changed."""
        self._made, self._shown = {}, {}

    def decide(
        self, open_: list[ResumeEntry], which: Which, payload: ResumeEntry
    ) -> list[ResumeEntry] | None:
        """Record a decision. Returns the entries to send once all of `open_` are decided.

        The decision that completes the batch is not kept: if the gateway refuses, it is made again.
        ``which`` is an interrupt's id or its position, or None if only one is undecided.

        Raises:
            ValueError: nothing is open, or `which` does not name one of several.
            InvalidField: the interrupt does not take this decision.
        """
        ids = [str(interrupt["id"]) for interrupt in open_]
        self._made = {k: v for k, v in self._made.items() if k in ids}
        chosen = self.find(open_, which)
        entry = {"interruptId": chosen["id"], "status": "resolved", "payload": payload}
        if chosen["id"] in self._shown:  # else it is not known what the person saw
            entry["digest"] = self._shown[chosen["id"]]
        _check(entry, chosen)
        made = {**self._made, chosen["id"]: entry}
        if len(made) == len(ids):
            return [made[id_] for id_ in ids]
        self._made = made
        return None

    def left(self, open_: list[ResumeEntry]) -> list[tuple[int, ResumeEntry]]:
        """Return the undecided interrupts with their positions."""
        return [(n, interrupt) for n, interrupt in enumerate(open_) if interrupt["id"] not in self._made]

    def find(self, open_: list[ResumeEntry], which: Which) -> ResumeEntry:
        """Return the interrupt that `which` names.

        Raises:
            ValueError: it names none, or there are several and it is None.
        """
        if not open_:
            raise ValueError("Nothing to approve here (already decided).")
        if which is None:
            left = self.left(open_)
            if len(left) == 1:
                return left[0][1]
            raise ValueError(_listed("Several questions are open; name one", left))
        for n, interrupt in enumerate(open_):
            if which in (n, interrupt["id"], interrupt.get("toolCallId")):
                return interrupt
        raise ValueError(_listed(f"There is no open question {which!r}; name one", list(enumerate(open_))))


def _check(entry: ResumeEntry, interrupt: ResumeEntry) -> None:
    """Refuse a decision that the interrupt does not take, before others of its batch are made."""
    decide(entry, interrupt_from_event(interrupt, "interrupt", thread_id="", run_id=""), "decision")


def _listed(why: str, questions: list[tuple[int, ResumeEntry]]) -> str:
    lines = "".join(f"\n  {n}: {question_of(interrupt)}" for n, interrupt in questions)
    return (
        f"{why}, as in run.approve({questions[0][0]}) or %lobu approve {questions[0][0]}, or take all:{lines}"
    )


def offering(open_: list[ResumeEntry], kind: str) -> list[str]:
    """Return the ids of the interrupts that take decisions of a kind.

    Raises:
        ValueError: none does.
    """
    ids = [str(interrupt["id"]) for interrupt in open_ if kind in (lobu(interrupt).get("decisions") or ())]
    if open_ and not ids:
        raise ValueError(f"No open question can be decided by {kind}; run.interrupts tells what each offers.")
    return ids


def question_of(interrupt: ResumeEntry) -> str:
    """Return the question in one line."""
    questions = lobu(interrupt).get("questions") or []
    if questions:
        return " / ".join(str(q.get("question")) for q in questions)
    return str(interrupt.get("message") or f"{lobu(interrupt).get('toolName', 'A tool')} wants to run")


def lobu(interrupt: ResumeEntry) -> ResumeEntry:
    """Return our own members of a journaled interrupt: toolName, args, decisions, questions …"""
    return (interrupt.get("metadata") or {}).get("lobu") or {}


def approval(grant: str | None = None, option: str | None = None) -> ResumeEntry:
    """Return the payload that runs the call as asked.

    Args:
        grant: approves later calls too: a key of :data:`lobu_jupyter.model.covering.GRANTS`.
        option: the id of one of an outside agent's own answers.
    """
    more = {"grant": grant, "option": option}
    return {"approved": True, **{name: value for name, value in more.items() if value is not None}}


def edit(interrupt: ResumeEntry, changed: ResumeEntry) -> ResumeEntry:
    """Return the payload that runs the call with `changed` arguments. The others stay as asked."""
    return {"approved": True, "editedArgs": {**(lobu(interrupt).get("args") or {}), **changed}}


def rejection(reason: str) -> ResumeEntry:
    """Return the payload that refuses the call and gives the agent the reason."""
    return {"approved": False, "reason": reason} if reason else {"approved": False}


def answers(interrupt: ResumeEntry, given: tuple[Any, ...], by_id: ResumeEntry) -> ResumeEntry:
    """Return the payload of answers, in the order of the questions or by their ids.

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
