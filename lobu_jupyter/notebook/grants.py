"""`%lobu grants`: what runs without asking on this notebook's thread, and how to take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from IPython.core.error import UsageError

from lobu_jupyter.model.covering import words_of
from lobu_jupyter.model.errors import NotFound
from lobu_jupyter.model.policy import Grant

from . import session
from .output.tables import Table

if TYPE_CHECKING:
    from .session import Session

USAGE = "%lobu grants [revoke GRANT]; if this is a prompt, write %lobu ask grants …"


def grants(rest: str) -> Table:
    """Return the grants that hold here, after taking one back where `rest` says so."""
    link = session.reaching()
    match rest.split():
        case []:
            pass
        case ["revoke", grant_id]:
            revoke(link, grant_id)
        case _:
            raise UsageError(USAGE)
    thread = link.known_thread()
    view = link.client.policy.get(thread_id=None if thread is None else thread.thread_id)
    held = msgspec.convert(view.get("grants", []), list[Grant])
    return Table(
        ("grant", "tool", "runs without asking", "by", "since", "until"),
        [
            (
                one.grant_id,
                one.tool,
                words_of(one),
                one.by,
                one.created_at[:19],
                (one.expires_at or "revoked")[:19],
            )
            for one in held
        ],
        empty="Nothing was granted here: what asks, asks.",
    )


def revoke(link: Session, grant_id: str) -> None:
    """Take a grant back. One that is not there is the person's slip, not a failure of the cell's code."""
    try:
        link.client.policy.revoke(grant_id)
    except NotFound as error:
        raise UsageError(f"{error} %lobu grants lists those that hold here.") from None
