"""``ask_user``: one to four questions to the person, answered by an interrupt's decision."""

from __future__ import annotations

import msgspec

from lobu_jupyter.model.interrupts import Decision, Question

from . import specs
from .base import BoundTool, Call, Result, ToolError, Work

NOBODY = (
    "Nobody can answer questions in this run. Go on with a sensible assumption and say which, "
    "or end by saying what you would need to know."
)


def questions_of(args: dict[str, object]) -> list[dict[str, object]]:
    """Return the call's questions in full, each with id, options, multiple and freeText.

    Raises:
            ToolError: two questions have the same id.
    """
    asked = msgspec.convert(
        [{"id": f"q{n}", **q} for n, q in enumerate(args["questions"], 1)],  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        list[Question],
    )
    if len({question.id for question in asked}) != len(asked):
        raise ToolError("Two questions have the same id; give each its own.")
    return [msgspec.to_builtins(question) for question in asked]


def answer_text(decision: Decision, questions: list[dict[str, object]]) -> str:
    """Return the model's result for a decision on its questions."""
    if decision.kind == "answer":
        return msgspec.json.encode(decision.answers or {}).decode()
    asked = "question" if len(questions) == 1 else "questions"
    return f"The person did not answer the {asked}." + (
        f" They said: {decision.reason}" if decision.reason else ""
    )


async def refuse(work: Work, call: Call) -> Result:
    """Refuse the call. Reached only if the question cannot be put to anybody."""
    raise ToolError(NOBODY)


BOUND: tuple[BoundTool, ...] = (BoundTool(specs.ASK_USER, refuse),)
