"""The question behind a decision, compared with the one that the person saw.

A surface may send the digest of the question that it drew (:mod:`lobu_jupyter.model.digest`). If it differs
from the digest of the waiting question, nothing is decided. The refusal carries the question as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.errors import Conflict, InvalidField, QuestionChanged
from lobu_jupyter.model.interrupts import event_of_interrupt

from .access import record
from .rows import interrupt_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

_DIGEST = re.compile("[0-9a-f]{64}")


def check_digest(entry: dict[str, Any], index: int) -> None:
    """Check the form of a ResumeEntry's digest, if it has one.

    Raises:
        InvalidField: the digest is not 64 hex digits.
    """
    digest = entry.get("digest")
    if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise InvalidField("digest must be 64 lower-case hex digits", field=f"resume[{index}].digest")


def differs(row: Row, entry: dict[str, Any]) -> bool:
    """Return whether the person saw another question than this row's."""
    digest = entry.get("digest")
    return digest is not None and digest != digest_of(interrupt_of(row))


async def refuse_changed(
    ctx: Context, tx: Tx, by: Caller, thread: Row, changed: Sequence[Row]
) -> QuestionChanged:
    """Record the attempt, and return the refusal with the questions as they are.

    The error is returned, so that the transaction keeps the record.
    """
    questions = [interrupt_of(row) for row in changed]
    await _record(ctx, tx, by, thread, questions, QuestionChanged.code)
    return QuestionChanged(interrupts=[event_of_interrupt(question) for question in questions])


async def refuse_functions(
    ctx: Context, tx: Tx, by: Caller, thread: Row, questions: Sequence[Interrupt]
) -> Conflict:
    """Record the attempt to approve functions that have changed, and return the refusal."""
    await _record(ctx, tx, by, thread, questions, "function_changed")
    names = ", ".join(str(question.tool_name) for question in questions)
    return Conflict(
        f"The kernel has another function now than the one that was asked about: {names}. Reject it; the agent "
        "can ask again.",
        field="resume",
    )


async def _record(
    ctx: Context, tx: Tx, by: Caller, thread: Row, questions: Sequence[Interrupt], why: str
) -> None:
    for question in questions:
        detail = {"interruptId": question.id, "toolName": question.tool_name, "why": why}
        await record(
            ctx, tx, by, "refused decision", thread["owner"], thread["thread_id"], question.run_id, detail
        )
