"""The guardrails between agents and their models: loaded by name, asked in a thread of their own, closed by default.

The thread has an event loop of its own, so that a guardrail that blocks stops no other work of the worker. It can pass a
text, change it, or refuse it. If it fails or takes too long, the text is refused.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.guardrails import ModelText
from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.runs import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.model.guardrails import Direction, Kind
    from lobu_jupyter.model.ports import Task
    from lobu_jupyter.model.redaction import Redactor

SECONDS = 10.0
MAX_REASON = 500
REFUSED = {
    "to_model": "This server's guardrail refused what was to be sent to the model ({kind}): {why}",
    "from_model": "This server's guardrail refused the model's answer ({kind}), which was not shown and not acted on: {why}",
}

log = logging.getLogger(__name__)
_active: Guardrails | None = None


class GuardrailRefused(Exception):
    """A text that may not go on. The message is the reason, for the person."""


class Guardrails:
    """The guardrails of a worker, by the names that the server's settings give: ``package.module:function``."""

    def __init__(self, names: list[str], seconds: float, redactor: Redactor) -> None:
        self._names, self._seconds, self._redactor = names, seconds, redactor
        self._loaded: list[Callable[[str, ModelText], Any]] | None = None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="guardrails", daemon=True).start()

    async def judge(self, text: str, about: ModelText) -> str:
        """Return the text as it may go on, after all guardrails in turn.

        Raises:
            GuardrailRefused: one refuses, fails or takes too long.
        """
        asked = asyncio.run_coroutine_threadsafe(self._judge(text, about), self._loop)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), self._seconds)
        except TimeoutError:
            why = f"it took longer than {self._seconds:g} s"
        except Exception as error:  # noqa: BLE001 -- a guardrail is foreign code: any failure refuses
            why = str(error) or type(error).__name__
        log.warning("a guardrail refused a text (%s, %s)", about.direction, about.kind)
        raise GuardrailRefused(self._redactor.text(why)[:MAX_REASON])

    async def _judge(self, text: str, about: ModelText) -> str:
        for guardrail in self._load():
            answer = guardrail(text, about)
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is not None and not isinstance(answer, str):
                raise TypeError(f"a guardrail must return a text or None, not {type(answer).__name__}")
            text = text if answer is None else answer
        return text

    def _load(self) -> list[Callable[[str, ModelText], Any]]:
        if self._loaded is None:
            self._loaded = [_imported(name) for name in self._names]
        return self._loaded


def _imported(name: str) -> Callable[[str, ModelText], Any]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # as in judge
        log.exception("the guardrail %s cannot be loaded; every request to a model is refused", name)
        raise RuntimeError(f"{name} cannot be loaded ({type(error).__name__})") from error
    if not callable(found):
        raise TypeError(f"{name} is not a function")
    return found


def configure(settings: dict[str, Any] | None, redactor: Redactor) -> None:
    """Use the guardrails of the server's settings from now on."""
    global _active
    if settings and settings.get("names"):
        _active = Guardrails(list(settings["names"]), float(settings.get("seconds") or SECONDS), redactor)


async def judged_prompt(task: Task, text: str) -> str:
    """Return the prompt of an outside agent as it may go on.

    Raises:
        AgentError: a guardrail refuses it.
    """
    if _active is None:
        return text
    about = ModelText(
        direction="to_model", kind="prompt", agent=task.agent, thread_id=task.thread_id, run_id=task.run_id
    )
    try:
        return await _active.judge(text, about)
    except GuardrailRefused as refused:
        raise refusal("to_model", "prompt", str(refused)) from refused


def refusal(direction: Direction, kind: Kind, why: str) -> AgentError:
    """Return the end of a run whose text was refused."""
    return AgentError(ErrorCode.GUARDRAIL, REFUSED[direction].format(kind=kind, why=why))


def active() -> Guardrails | None:
    """Return the guardrails of this worker, None if the server has none."""
    return _active
