"""The policy's ruling on one tool of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.policy import Ruling, Verdict, judge

if TYPE_CHECKING:
    from lobu_jupyter.agents.tools.base import BoundTool
    from lobu_jupyter.model.policy import Policy


def ruling_of(policy: Policy, tool: BoundTool, args: dict[str, Any]) -> Ruling:
    """Return the ruling on a call. No mode, rule or grant lets a tool through that always asks."""
    ruling = judge(policy, tool.spec.name, tool.spec.approval, args, tool.binds)
    if not tool.always_asks or ruling.verdict is Verdict.DENY:
        return ruling
    if policy.answerable:
        return Ruling(verdict=Verdict.ASK, why=f"{tool.spec.name} always asks here", no_grant=True)
    return Ruling(verdict=Verdict.DENY, why="it needs approval and nobody can be asked here")
