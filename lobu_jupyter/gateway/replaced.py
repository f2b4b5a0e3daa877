"""The end of a notebook: what was granted in it, and its own rules, are not for the next file of that path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.model.callers import Person

from .access import record

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Tx

    from .context import Context

What = Literal["deleted", "replaced"]


async def notebook_gone(ctx: Context, path: str, what: What, *, owner: str | None = None) -> None:
    """End the grants of a notebook, or a folder, that was deleted or replaced, and its rules for `owner`."""

    async def body(tx: Tx) -> None:
        await end_of(ctx, tx, path, what, owner)

    await ctx.database.write(body)


async def end_of(ctx: Context, tx: Tx, path: str, what: What, owner: str | None) -> None:
    """End the grants and rules of a notebook, or of a folder, of this server's place, and those of its chats.

    On a shared tree the file is everybody's, so everybody's grants end, and each person is asked again. Rules only
    tighten, so those of other persons stay.

    ``owner``: the person who did it, whose rules end. None: nobody knows, so everybody's rules end.
    """
    for grant in await tx.all("end_grants", path=path, place=ctx.settings.place):
        detail = {
            "grantId": grant["grant_id"],
            "tool": grant["tool"],
            "scope": grant["scope"],
            "notebookPath": grant["notebook_path"] or path,
            "why": f"the notebook was {what}",
        }
        by = Person(name=grant["owner"], via="contents")
        await record(ctx, tx, by, "grant ended", grant["owner"], grant["thread_id"], detail=detail)
        tx.wake(owner_topic(grant["owner"]))
    for rules in await tx.all("end_rules", path=path, place=ctx.settings.place, owner=owner):
        detail = {"notebookPath": rules["notebook_path"], "why": f"the notebook was {what}"}
        by = Person(name=rules["owner"], via="contents")
        await record(ctx, tx, by, "rules ended", rules["owner"], detail=detail)
