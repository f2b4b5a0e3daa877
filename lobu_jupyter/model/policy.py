"""The policy on tool calls: allow a call, ask a person, or deny it.

Precedence is deny > ask > allow > mode. Layers (server, agent, notebook, run) only tighten: a deny or an ask
of any layer stands whatever another layer allows. The mode covers the tools that no rule names. Neither the
mode nor an allow of a layer below the server's goes past the server's ``max_mode``. A grant answers an ask,
but never a deny or an ask marked ``no_grant``. Patterns are anchored globs (``read_*`` does not match
``xread_a``).

Under *Plan first* (``plan_first``) only reads run, whatever rule, mode or grant allows more, until the gateway ends it with
a person's approval of a plan (:mod:`.plan`).

With ``review_cells`` each change of the notebook's cells that is not denied is asked, whatever mode, allow or grant says.
"""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from msgspec import field

from .bounds import Globs
from .covering import Covers, covers
from .plan import NOBODY, PLAN_TOOL, READS, REFUSED
from .runs import Mode, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


CELL_CHANGES: Final = frozenset({"insert_cell", "edit_cell", "delete_cell", "move_cell", "run_cell"})
"""The tools that change cells of a notebook. ``run_cell`` can give its cell a new source."""

_RANK = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


class Rules(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One layer's rules: lists of globs over tool names. ``no_grant``: asks that no grant may answer."""

    allow: Globs = ()
    ask: Globs = ()
    deny: Globs = ()
    no_grant: Globs = ()
    mode: Mode | None = None


class Layer(Wire, frozen=True, kw_only=True):
    """Rules and where they come from: server, agent, notebook or run."""

    name: str
    rules: Rules


class Grant(Wire, frozen=True, kw_only=True):
    """A person's standing yes to a tool, on one thread or one notebook.

    ``covers``: this call (its ``digest``), simple code, or all calls of the tool (:mod:`.covering`).
    """

    grant_id: str
    tool: str
    scope: str  # thread | notebook
    covers: Covers = "simple"
    digest: str | None = None
    thread_id: str | None = None
    notebook_path: str | None = None
    by: str = ""
    created_at: str = ""
    expires_at: str | None = None


class Policy(Wire, frozen=True, kw_only=True):
    """The rules and grants for a run's calls, as they are sent to the worker with the run."""

    layers: tuple[Layer, ...] = ()
    grants: tuple[Grant, ...] = ()  # only those of this thread and notebook that hold now
    max_mode: Mode = "allow"
    answerable: bool = True  # False: nobody can decide, so an ask becomes a refusal
    plan_first: bool = False  # only reads until a person has approved a plan
    review_cells: bool = False  # each change of a cell is asked


class Ruling(Wire, frozen=True, kw_only=True):
    """A verdict and its reason in words."""

    verdict: Verdict
    why: str
    no_grant: bool = field(default=False)
    grant_id: str | None = None  # the grant that answered the ask


def judge(
    policy: Policy,
    tool: str,
    needs_approval: bool,
    args: dict[str, Any] | None = None,
    binds: dict[str, Any] | None = None,
) -> Ruling:
    """Return whether a call of `tool` runs. ``needs_approval``: the tool's own default if no mode is set.

    ``args``: the call's arguments. Without them only a grant of all calls covers it. ``binds``: what else its
    approval covers.
    """
    for layer in policy.layers:
        if pattern := _match(layer.rules.deny, tool):
            return Ruling(verdict=Verdict.DENY, why=f"{layer.name} policy denies {pattern}")
    if policy.plan_first and (ruling := _before_plan(policy, tool)) is not None:
        return ruling
    ruling = _unguarded(policy, tool, needs_approval)
    if policy.review_cells and tool in CELL_CHANGES and ruling.verdict is not Verdict.DENY:
        ruling = Ruling(verdict=Verdict.ASK, why="each change of a cell is reviewed", no_grant=True)
    if ruling.verdict is Verdict.ASK and not ruling.no_grant:
        ruling = _granted(policy, tool, args, binds) or ruling
    if ruling.verdict is Verdict.ASK and not policy.answerable:
        return Ruling(verdict=Verdict.DENY, why="it needs approval and nobody can be asked here")
    return ruling


def _before_plan(policy: Policy, tool: str) -> Ruling | None:
    """Return the ruling of *Plan first*, None for a read, which the other rules judge."""
    if tool == PLAN_TOOL:
        return ask_for_plan(policy)
    return None if tool in READS else Ruling(verdict=Verdict.DENY, why=REFUSED)


def ask_for_plan(policy: Policy) -> Ruling:
    """Return the ruling on a call that proposes a plan: a person decides, and no grant."""
    if policy.answerable:
        return Ruling(verdict=Verdict.ASK, why="a person approves the plan", no_grant=True)
    return Ruling(verdict=Verdict.DENY, why=NOBODY)


def _unguarded(policy: Policy, tool: str, needs_approval: bool) -> Ruling:
    no_grant = any(_match(layer.rules.no_grant, tool) for layer in policy.layers)
    for layer in policy.layers:
        if pattern := _match(layer.rules.ask, tool) or _match(layer.rules.no_grant, tool):
            return Ruling(
                verdict=Verdict.ASK, why=f"{layer.name} policy asks for {pattern}", no_grant=no_grant
            )
    for layer in policy.layers:
        if pattern := _match(layer.rules.allow, tool):
            cap = Verdict.ALLOW if layer.name == "server" else Verdict(policy.max_mode)
            return Ruling(verdict=cap, why=f"{layer.name} policy allows {pattern}")
    modes = [layer.rules.mode for layer in policy.layers if layer.rules.mode is not None]
    if modes and tool != PLAN_TOOL:  # which only shows a checklist
        mode = Verdict(modes[-1])
        capped = max(mode, Verdict(policy.max_mode), key=_RANK.__getitem__)
        return Ruling(verdict=capped, why=f"mode {capped}")
    if needs_approval:
        return Ruling(verdict=Verdict.ASK, why=f"{tool} needs approval")
    return Ruling(verdict=Verdict.ALLOW, why=f"{tool} needs no approval")


def _granted(
    policy: Policy, tool: str, args: dict[str, Any] | None, binds: dict[str, Any] | None
) -> Ruling | None:
    for grant in policy.grants:
        if fnmatchcase(tool, grant.tool) and covers(grant, tool, args, binds):
            why = f"granted for this {grant.scope} by {grant.by}"
            return Ruling(verdict=Verdict.ALLOW, why=why, grant_id=grant.grant_id)
    return None


def _match(patterns: Sequence[str], tool: str) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(tool, pattern)), None)
