"""Plans: the checklist that an agent keeps, as AG-UI's activity ``PLAN``, and *Plan first*.

A plan's content is ``{"steps": [{"description", "status"}]}`` with the status ``pending``, ``in_progress`` or ``completed``.
In the mode ``plan`` a run may only read until a person has approved a plan. The policy says so (:mod:`.policy`), and only
the gateway ends it, in the transaction that settles the approval.
"""

from __future__ import annotations

from typing import Any, Final, cast

from .visible import visible_line

PLAN: Final = "PLAN"
"""AG-UI's activityType."""
PLAN_TOOL: Final = "plan"
MODE: Final = "plan"
PENDING, IN_PROGRESS, COMPLETED = "pending", "in_progress", "completed"
STATUSES: Final = (PENDING, IN_PROGRESS, COMPLETED)
MAX_STEPS, MAX_DESCRIPTION = 20, 300
MARKS: Final = {PENDING: "[ ]", IN_PROGRESS: "[>]", COMPLETED: "[x]"}
READS: Final = frozenset(
    {
        "list_variables",
        "describe_variable",
        "list_files",
        "search_files",
        "read_file",
        "read_notebook",
        "search_notebook",
        "ask_user",
        "load_skill",
        "delegate",  # a sub-agent has the same policy
    }
)
"""The built-in tools that run before a plan is approved. No other tool can have their names."""
REFUSED: Final = (
    "Plan first is on, and no plan is approved yet. Until then only reads run "
    "(list_variables, describe_variable, read_file, search_files, read_notebook …). Propose a plan with the tool plan"
)
NOBODY: Final = "Plan first is on, and nobody can approve a plan here"

Step = tuple[str, str]
"""Status and description."""


def steps_of(content: Any) -> list[Step]:
    """Return the steps of a plan's content, bounded. Anything that is no plan has none."""
    found: Any = content.get("steps", content.get("entries")) if isinstance(content, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    entries = cast("list[Any]", found) if isinstance(found, list) else []
    return [step for entry in entries[:MAX_STEPS] if (step := _step(entry)) is not None]


def _step(entry: Any) -> Step | None:
    if isinstance(entry, str):
        return PENDING, entry[:MAX_DESCRIPTION]
    if not isinstance(entry, dict):
        return None
    known = cast("dict[str, Any]", entry)
    text, status = known.get("description", known.get("content")), known.get("status")
    if not isinstance(text, str) or not text:
        return None
    return status if status in STATUSES else PENDING, text[:MAX_DESCRIPTION]


def content_of(steps: list[Step]) -> dict[str, Any]:
    """Return the content of the activity for steps."""
    return {"steps": [{"description": text, "status": status} for status, text in steps]}


def lines_of(content: Any) -> list[str]:
    """Return a plan as lines for a terminal or a saved output."""
    return [f"{MARKS[status]} {visible_line(text)}" for status, text in steps_of(content)]


def exact_lines(value: Any) -> list[str] | None:
    """Return the argument ``steps`` of a call as lines that say all of it, None if it is another value."""
    lines = [_exact_line(step) for step in cast("list[Any]", value)] if isinstance(value, list) else []
    return cast("list[str]", lines) if lines and None not in lines else None


def _exact_line(step: Any) -> str | None:
    if not isinstance(step, dict) or not step.keys() <= {"description", "status"}:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportOperatorIssue]
        return None
    known = cast("dict[str, Any]", step)
    text, status = known.get("description"), known.get("status", PENDING)
    if not isinstance(text, str) or not text or "\n" in text or status not in STATUSES:
        return None
    return f"{MARKS[status]} {text}"


def leaves(tool: str | None, agent: str) -> bool:
    """Return True if the approval of this call approves a plan: of our tool, or an outside agent's change of its mode."""
    return tool in (PLAN_TOOL, f"{agent}__switch_mode")
