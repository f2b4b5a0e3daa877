"""The lists of a hub's pages: a person's runs that wait for a server, and for administrators those of all people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.runs.lease import SERVER_SILENCE
from lobu_jupyter.gateway.runs.spending import name_of_day
from lobu_jupyter.model.budget import MICROS

from .seats import is_seat

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Tx

    from .context import Context

LONGEST = 100  # rows of a list


async def has_server(ctx: Context, owner: str) -> bool:
    """Return whether a server of this person is there."""
    since = ctx.now() - SERVER_SILENCE

    async def body(tx: Tx) -> bool:
        return await tx.one("live_server", server_id=None, pool=owner, since=since) is not None

    return await ctx.database.read(body)


async def waiting_for_server(ctx: Context, owner: str) -> list[str]:
    """Return the threads of this person whose decided runs wait for a server."""

    async def body(tx: Tx) -> list[str]:
        rows = await tx.all("leases_without_server", pool=owner)
        return [row["thread_id"] for row in rows if row["owner"] == owner]

    return await ctx.database.read(body)


async def overview(ctx: Context) -> dict[str, Any]:
    """Return the runs under way, who is stuck, and what was used today, over all people. No content is in it."""
    now = ctx.now()

    async def body(tx: Tx) -> dict[str, Any]:
        spent = await tx.all("spent_by_all", day=name_of_day(now), limit=LONGEST)
        return {
            "running": [
                {
                    "owner": row["owner"],
                    "agent": row["agent"],
                    "model": row["model"],
                    "seconds": now - row["began_at"] if row["server_id"] else 0,
                    "waitsFor": "worker" if row["server_id"] else "server",
                    "fetched": bool(row["fetched"]),
                }
                for row in await tx.all("running_of_all", limit=LONGEST)
            ],
            "waiting": [
                {"owner": row["owner"], "questions": row["questions"], "seconds": now - row["first_at"]}
                for row in await tx.all("waiting_of_all", limit=LONGEST)
            ],
            "queued": [
                {"owner": row["owner"], "runs": row["runs"], "seconds": now - row["first_at"]}
                for row in await tx.all("queued_of_all", limit=LONGEST)
            ],
            "spent": [
                {
                    "owner": row["owner"],
                    "tokens": row["tokens"],
                    "dollars": row["micros"] / MICROS,
                    "unpriced": row["unpriced"],
                }
                for row in spent
            ],
            "servers": sum(
                is_seat(row["server_id"]) for row in await tx.all("servers_seen", since=now - SERVER_SILENCE)
            ),
        }

    return await ctx.database.read(body)
