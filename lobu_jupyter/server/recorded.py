"""The decisions of a recording under replay: what a person decided then is decided again, and nothing else.

A question is answered if the recording has a decision on the same tool with the same arguments, and approved if such a
call ran there without a question. Decisions that cells of the notebook made are left to those cells. A question on a call
that the recording does not have is refused.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.callers import OWNER, Person
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.recording import RecordedDecision, Recording, parse, text_in

if TYPE_CHECKING:
    from logging import Logger

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.interrupts import Interrupt

PERSON = Person(OWNER, via="replay")
LOOK_SECONDS = 0.1
UNKNOWN = "The recording has no decision on this call."


class RecordedDecisions:
    """The decisions of one recording that were not made yet."""

    def __init__(self, path: str, log: Logger) -> None:
        self._log = log
        self._left: list[RecordedDecision] = []
        self._ran: list[tuple[str, dict[str, Any]]] = []  # the calls, decided or not
        try:
            recording = parse(text_in(Path(path).read_bytes(), Path(path).name), Path(path).name)
            self._left, self._ran = recording.decisions, _calls_of(recording)
        except (OSError, LobuError) as error:  # the first run ends with the reason
            log.error("lobu: the recording cannot be read: %s", error)

    async def decide_on(self, gateway: Gateway) -> None:
        """Decide as recorded until cancelled."""
        while True:
            waiting: dict[str, list[Interrupt]] = {}
            for interrupt in await gateway.policy.interrupts(PERSON):
                waiting.setdefault(interrupt.thread_id, []).append(interrupt)
            for thread_id, questions in waiting.items():
                if (entries := self.entries(questions)) is None:
                    continue
                try:
                    await gateway.policy.resume(PERSON, thread_id, entries)
                except LobuError as error:
                    self._log.warning("lobu: a recorded decision was not taken: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    def entries(self, questions: list[Interrupt]) -> list[dict[str, Any]] | None:
        """Return the decisions on a pause, None if a cell of the notebook is to make them."""
        found = [self._find(question) for question in questions]
        if any(one is not None and one.via == "kernel" for one in found):
            return None
        for one in found:
            if one is not None and one in self._left:
                self._left.remove(one)
        return [_entry(question, one) for question, one in zip(questions, found, strict=True)]

    def _find(self, question: Interrupt) -> RecordedDecision | None:
        for one in self._left:
            if (one.tool_name, one.args) == (question.tool_name, question.args):
                return one
        if (question.tool_name, question.args) in self._ran:
            approved: dict[str, Any] = {"kind": "approve"}
            return RecordedDecision(tool_name=str(question.tool_name), args=question.args, decision=approved)
        return None


def _calls_of(recording: Recording) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls in a recording, by tool and arguments."""
    parts = [part for exchange in recording.exchanges for part in exchange.response.parts]
    calls = [part for part in parts if part.get("part_kind") == "tool-call"]
    return [(str(call.get("tool_name")), _arguments(call.get("args"))) for call in calls]


def _arguments(args: Any) -> dict[str, Any]:
    if isinstance(args, str):
        try:
            args = json.loads(args or "{}")
        except ValueError:
            return {}
    return args if isinstance(args, dict) else {}


def _entry(question: Interrupt, made: RecordedDecision | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"interruptId": question.id, "status": "resolved"}
    decision = made.decision if made is not None else {"kind": "reject", "reason": UNKNOWN}
    payload: dict[str, Any] = {}
    match decision.get("kind"):
        case "answer":
            payload["answers"] = decision.get("answers") or {}
        case "respond":
            payload["response"] = decision.get("response")
        case "reject":
            payload = {"approved": False, "reason": decision.get("reason") or ""}
        case _:
            payload["approved"] = True
            if decision.get("editedArgs") is not None:
                payload["editedArgs"] = decision["editedArgs"]
            if decision.get("grant"):
                payload["grant"] = decision["grant"]
    return {**entry, "payload": payload}
