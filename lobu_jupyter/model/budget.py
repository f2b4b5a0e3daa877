"""Budgets: how many tokens, dollars and seconds agents may use per run, per thread, and per person and day (UTC).

The server's limits end a run. A person's own limits, which are never above the server's, ask before the run goes on.
A run here is a run with all that resume it. A price is that of genai-prices; where none is known, the request is
counted as unpriced and no price is made up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from .bounds import Count, Id
from .errors import InvalidField
from .runs import Wire

Scope = Literal["run", "thread", "day"]
Measure = Literal["tokens", "dollars", "seconds"]
SCOPES: tuple[Scope, ...] = ("run", "thread", "day")
MEASURES: tuple[Measure, ...] = ("tokens", "dollars", "seconds")

BUDGET = "budget"  # Interrupt.reason: may this run go on beyond the person's own limit?
BUDGET_CALL = "continue_over_budget"  # the name on its card
MICROS = 1_000_000  # the store counts dollars in millionths
MAX_COST = 1e9  # dollars of one run, so that no sum overflows

_Dollars = Annotated[float, Meta(ge=0, le=MAX_COST)]


class Budget(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one scope. None: no limit."""

    tokens: Count | None = None
    dollars: _Dollars | None = None
    seconds: Count | None = None


class Budgets(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a server, or of a person."""

    run: Budget = Budget()
    thread: Budget = Budget()
    day: Budget = Budget()

    def limits(self) -> dict[str, int]:
        """Return the limits that are set, by ``scope.measure``, in tokens, micros and seconds."""
        found: dict[str, int] = {}
        for scope in SCOPES:
            budget: Budget = getattr(self, scope)
            for measure in MEASURES:
                limit = getattr(budget, measure)
                if limit is not None:
                    found[f"{scope}.{measure}"] = micros_of(limit) if measure == "dollars" else int(limit)
        return found


def check_below(own: Budgets, server: Budgets) -> None:
    """Refuse a person's limit that is above the server's.

    Raises:
        InvalidField: names the limit.
    """
    most = server.limits()
    for name, limit in own.limits().items():
        if name in most and limit > most[name]:
            told = amount(name, most[name])
            raise InvalidField(f"must be at most {told}, the server's own limit", field=name)


class Reserve(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that the next request to a model may use, and what it is likely to.

    ``micros``, ``likely_micros``: of its price, None if that is not known.
    """

    tokens: Count
    likely_tokens: Count
    micros: Count | None = None
    likely_micros: Count | None = None


class Used(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The use of the request `number` of a run. ``micros`` is None if its price is not known."""

    number: Count
    tokens: Count
    micros: Count | None = None


class Spend(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker's report of a request that ended (``used``), or its question whether another one may be made."""

    run_id: Id
    number: Count = 0
    reserve: Reserve | None = None
    used: Used | None = None


class SpendVerdict(Wire, frozen=True, kw_only=True):
    """The answer to a question: ``go``, ``wait`` for requests under way, ``ask`` the person, or ``end`` the run.

    ``ask`` has the arguments of the question's card: limit, used, most, more.
    """

    verdict: Literal["go", "wait", "ask", "end"]
    message: str = ""
    ask: dict[str, Any] | None = None
    full: float = 0.0  # the part of the fullest limit that is used


@dataclass
class Spent:
    """The use in one scope. ``open_tokens``, ``open_micros``: at most, by requests under way."""

    tokens: int = 0
    micros: int = 0
    unpriced: int = 0
    seconds: float = 0.0
    open_tokens: int = 0
    open_micros: int = 0
    raised: dict[str, int] = field(default_factory=dict[str, int])

    def of(self, measure: str) -> float:
        return {"tokens": self.tokens, "dollars": self.micros, "seconds": self.seconds}[measure]

    def under_way(self, measure: str) -> int:
        return {"tokens": self.open_tokens, "dollars": self.open_micros, "seconds": 0}[measure]

    def to_wire(self) -> dict[str, Any]:
        told: dict[str, Any] = {"tokens": self.tokens, "dollars": self.micros / MICROS}
        return {**told, "seconds": round(self.seconds), "unpriced": self.unpriced}


def micros_of(dollars: float) -> int:
    """Return dollars in millionths, rounded up, so that many small prices do not count as nothing."""
    return math.ceil(round(dollars * MICROS, 3))


def counted(usages: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Return the tokens, the known price in micros and the number of unpriced entries of a run's usage."""
    tokens = micros = unpriced = 0
    for usage in usages:
        parts = [usage.get(name) for name in ("inputTokens", "outputTokens")]
        used = sum(part for part in parts if isinstance(part, int) and not isinstance(part, bool))
        cost: Any = (usage.get("metadata") or {}).get("cost")
        tokens += used
        if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= MAX_COST:
            micros += micros_of(cost)
        elif used:
            unpriced += 1
    return tokens, micros, unpriced


def amount(name: str, value: float) -> str:
    """Return an amount of a limit in words: ``10,000 tokens``, ``$1.50``, ``90 seconds``."""
    measure = name.partition(".")[2]
    if measure == "dollars":
        dollars = value / MICROS
        return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"
    return f"{round(value):,} {measure}"


_WHERE = {"run": "for one run", "thread": "in one chat", "day": "in one day (UTC)"}


def over(name: str, used: float, limit: int, *, own: bool) -> str:
    """Return what a limit says when it is reached."""
    where, whose = _WHERE[name.partition(".")[0]], "your own limit" if own else "this server's limit"
    return f"{amount(name, used)} used; {whose} {where} is {amount(name, limit)}."
