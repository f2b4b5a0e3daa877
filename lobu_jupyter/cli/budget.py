"""`lobu budget`: what agents have used, the limits that hold, and your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from lobu_jupyter.model.budget import MEASURES, SCOPES, Budgets, amount, micros_of

from .connect import reach
from .printing import as_json, put, put_table
from .table import ListColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = [f"{scope}.{measure}" for scope in SCOPES for measure in MEASURES]


@click.command("budget")
@click.option("--thread", "thread_id", help="Also what this thread and its last run have used.")
@click.option("--set", "changes", multiple=True, metavar="LIMIT=N", help="Set your own limit: day.dollars=2.")
@click.option("--clear", "cleared", multiple=True, type=click.Choice(NAMES), help="Remove your own limit.")
@as_json
@click.pass_context
def budget_command(
    ctx: click.Context,
    thread_id: str | None,
    changes: tuple[str, ...],
    cleared: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what agents have used, and set your own limits.

    At your own limit an agent asks before it goes on; at the server's it stops. Limits: run, thread or day (UTC), each
    with tokens, dollars or seconds, as in day.dollars.
    """
    wanted = _changes(changes, cleared)
    with reach(ctx).client() as client:
        view = client.policy.budget(thread_id=thread_id)
        if wanted:
            own = _changed(view["limits"]["own"], wanted)
            view["limits"] = client.policy.put_budget(own)["limits"]
    columns = [ListColumn(name) for name in ("limit", "used", "yours (asks)", "server (stops)")]
    put(view, as_json, lambda: put_table(columns, _rows(view), "No limits hold."))


def _changes(changes: Sequence[str], cleared: Sequence[str]) -> dict[str, float | None]:
    wanted: dict[str, float | None] = dict.fromkeys(cleared)
    for change in changes:
        name, _, text = change.partition("=")
        if name not in NAMES:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(NAMES)}", param_hint="--set")
        try:
            wanted[name] = float(text) if name.endswith("dollars") else int(text)
        except ValueError:
            raise click.BadParameter(f"{name} must be a number, not {text!r}", param_hint="--set") from None
    return wanted


def _changed(own: dict[str, Any], wanted: dict[str, float | None]) -> Budgets:
    """Return the person's limits with the changes, as the server checks them."""
    limits = {scope: dict(own.get(scope) or {}) for scope in SCOPES}
    for name, value in wanted.items():
        scope, _, measure = name.partition(".")
        limits[scope][measure] = value
    try:
        return msgspec.convert(limits, Budgets)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error


def _rows(view: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for scope in SCOPES:
        used: dict[str, Any] = view["used"].get(scope) or {}
        for measure in MEASURES:
            name = f"{scope}.{measure}"
            limits = [(view["limits"][whose].get(scope) or {}).get(measure) for whose in ("own", "server")]
            if any(limit is not None for limit in limits) or (used and used[measure]):
                told = _amount(name, used.get(measure))
                if measure == "dollars" and used.get("unpriced"):
                    told += f" (+ {used['unpriced']} without a known price)"
                rows.append((name, told, *(_amount(name, limit) for limit in limits)))
    return rows


def _amount(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return amount(name, micros_of(value) if name.endswith("dollars") else value)
