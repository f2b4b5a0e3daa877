"""Short names at a terminal: the first digits of an id, and a time as its distance from now."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lobu_jupyter.model.requests import RunsQuery, ThreadsQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.client.http import Client

DIGITS = 7
"""Digits of an id that a terminal shows."""
MOST = 500
_ID = re.compile(r"(?:[a-z]+_)?([0-9a-f]{32})")
_SHORT = re.compile(r"(?:[a-z]+_)?([0-9a-f]{4,31})")
_STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (12, "month"), (10**6, "year"))


def short_id(identifier: str) -> str:
    """Return the first digits of one of our ids, or another name as it is."""
    found = _ID.fullmatch(identifier)
    return found[1][:DIGITS] if found else identifier


def thread_of(client: Client, name: str) -> str:
    """Return the id of the thread whose id begins so, or `name` if there is none.

    Raises:
        UsageError: several ids begin so.
    """
    if not _SHORT.fullmatch(name):
        return name
    pages = (client.threads.list(ThreadsQuery(archived=archived, limit=MOST)) for archived in (False, True))
    return only(name, (thread.thread_id for page in pages for thread in page))


def run_of(client: Client, name: str) -> str:
    """Return the id of the run whose id begins so, or `name` if there is none."""
    if not _SHORT.fullmatch(name):
        return name
    return only(name, (run.run_id for run in client.runs.list(RunsQuery(limit=MOST))))


def grant_of(client: Client, name: str) -> str:
    """Return the id of the grant whose id begins so, or `name` if there is none."""
    if not _SHORT.fullmatch(name):
        return name
    return only(name, (str(grant["grantId"]) for grant in client.policy.get().get("grants", [])))


def only(name: str, ids: Iterable[str]) -> str:
    """Return the one id that begins with the digits of `name`, or `name` if none does.

    Raises:
        UsageError: several ids begin so.
    """
    short = _SHORT.fullmatch(name)
    if short is None:
        return name
    found = sorted({one for one in ids if _digits(one).startswith(short[1])})
    if len(found) > 1:
        raise click.UsageError(f"{name} may be {' or '.join(found[:5])}. Give more digits.")
    return found[0] if found else name


def distance(time: str, now: datetime | None = None) -> str:
    """Return an ISO 8601 time as its distance from now: `2 hours ago`, `in 7 days`; another text as it is."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return time
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    amount = round(abs(seconds))
    if amount < 5:
        return "just now"
    units = iter(_STEPS)
    size, unit = next(units)
    while amount >= size:
        amount //= size
        size, unit = next(units)
    words = f"{amount} {unit}{'' if amount == 1 else 's'}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _digits(identifier: str) -> str:
    return identifier.rpartition("_")[2]
