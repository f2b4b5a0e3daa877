"""The facts that a person's server tells the service about itself, and the settings that its seat gets of them.

The service's settings rule. What the server tells can only tighten them: its own denials and asks are added, its
limits count where they are lower, and its permissions are ignored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from lobu_jupyter.model.bounds import MAX_LIST, Count, Globs, Name, Objects
from lobu_jupyter.model.budget import MEASURES, SCOPES, Budget, Budgets
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.runs import Mode

if TYPE_CHECKING:
    from lobu_jupyter.gateway import Settings

_STRICTNESS: dict[Mode | None, int] = {None: 0, "allow": 0, "ask": 1, "deny": 2}


class Attachment(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A person's server. ``agents``: those of its workers, None if they are not known yet."""

    version: Name = ""
    place: Name = ""
    root: Name | None = None
    allow_hidden: bool = False
    default_agent: Name = "demo"
    default_model: Name | None = None
    model_agent: Name | None = None
    agents: Annotated[list[Name], Meta(max_length=MAX_LIST)] | None = None
    offered: Objects = msgspec.field(default_factory=list)
    output_bytes: Count | None = None
    rules: Rules = Rules()
    agent_rules: Annotated[dict[Name, Rules], Meta(max_length=MAX_LIST)] = msgspec.field(default_factory=dict)
    max_mode: Mode = "allow"
    allowed_models: Globs | None = None
    budgets: Budgets = Budgets()
    unknown_price: str = "allow"


def attachment_of(settings: Settings, version: str) -> Attachment:
    """Return what a server with these settings tells."""
    return Attachment(
        version=version,
        place=settings.place,
        root=settings.root,
        allow_hidden=settings.allow_hidden,
        default_agent=settings.default_agent,
        default_model=settings.default_model,
        model_agent=settings.model_agent,
        agents=None if settings.agents is None else sorted(settings.agents),
        offered=list(settings.offered),
        output_bytes=settings.limits.get("outputBytes"),
        rules=settings.rules,
        agent_rules=dict(settings.agent_rules),
        max_mode=settings.max_mode,
        allowed_models=settings.allowed_models,
        budgets=settings.budgets,
        unknown_price=settings.unknown_price,
    )


def tightened(service: Settings, told: Attachment, owner: str) -> Settings:
    """Return the settings of a person's seat: the service's, where the server's own are not stricter."""
    most = service.limits.get("outputBytes")
    output = min(told.output_bytes or most or 0, most or told.output_bytes or 0)
    agents = {*service.agent_rules, *told.agent_rules}
    return replace(
        service,
        pool=owner,
        place=place_of(owner, told.place),
        root=told.root,
        allow_hidden=told.allow_hidden and service.allow_hidden,
        default_agent=told.default_agent,
        default_model=told.default_model,
        model_agent=told.model_agent,
        agents=None if told.agents is None else frozenset(told.agents),
        offered=tuple(told.offered),
        limits={"outputBytes": output} if output else {},
        rules=_merged(service.rules, told.rules),
        agent_rules={
            name: _merged(service.agent_rules.get(name, Rules()), told.agent_rules.get(name, Rules()))
            for name in agents
        },
        max_mode=_stricter(service.max_mode, told.max_mode),
        allowed_models=told.allowed_models if service.allowed_models is None else service.allowed_models,
        budgets=_lower(service.budgets, told.budgets),
        unknown_price="deny" if "deny" in (service.unknown_price, told.unknown_price) else "allow",
        keep_seconds=None,
        keep_bytes=None,
    )


def place_of(owner: str, place: str) -> str:
    """Return the place of a person's files. No name that a server tells is another person's place."""
    begin = f"{quote(owner, safe='@. ')}:"
    return place if place.startswith(begin) else f"{begin}{place}"


def _merged(service: Rules, own: Rules) -> Rules:
    mode = service.mode
    if own.mode is not None and _STRICTNESS[own.mode] > _STRICTNESS[mode]:
        mode = own.mode
    return Rules(
        allow=service.allow,
        ask=(*service.ask, *own.ask),
        deny=(*service.deny, *own.deny),
        no_grant=(*service.no_grant, *own.no_grant),
        mode=mode,
    )


def _stricter(one: Mode, other: Mode) -> Mode:
    return max(one, other, key=_STRICTNESS.__getitem__)


def _lower(service: Budgets, own: Budgets) -> Budgets:
    return Budgets(**{scope: _lowest(getattr(service, scope), getattr(own, scope)) for scope in SCOPES})


def _lowest(*budgets: Budget) -> Budget:
    limits = {measure: [getattr(budget, measure) for budget in budgets] for measure in MEASURES}
    found = {measure: [limit for limit in given if limit is not None] for measure, given in limits.items()}
    return Budget(**{measure: min(given) for measure, given in found.items() if given})
