"""`%lobu undo`: take back what the last run of this notebook's thread changed in cells and files."""

from __future__ import annotations

from IPython.core.error import UsageError
from msgspec import structs

from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.requests import RunsQuery, UndoRequest
from lobu_jupyter.model.undo_words import restores, undo_lines

from . import session

SHORT = 10
USAGE = "%lobu undo [RUN | UNDO] [CODE]; if this is a prompt, write %lobu ask undo …"


def undo(rest: str) -> None:
    """Print the preview, or do what the preview with this code showed."""
    link = session.reaching()
    thread = link.known_thread()
    if thread is None:
        raise UsageError("No chat in this notebook yet.")
    words = rest.split()
    named = next((word for word in words if word.startswith(("run_", "undo_"))), None)
    codes = [word for word in words if word != named]
    if len(codes) > 1:
        raise UsageError(USAGE)
    if named is None:
        runs = link.client.runs.list(RunsQuery(thread_id=thread.thread_id, limit=1))
        if not runs:
            raise UsageError("No runs in this chat yet.")
        named = runs[0].run_id
    wish = UndoRequest(undo_id=named) if named.startswith("undo_") else UndoRequest(run_id=named)
    try:
        preview = link.client.threads.undo(thread.thread_id, wish)
        digest = preview["digest"]
        if not codes:
            print("\n".join(undo_lines(preview)))
            if restores(preview):
                print(f"To restore this: %lobu undo {named} {digest[:SHORT]}")
            return
        if codes[0] != digest[:SHORT]:
            raise UsageError("That is not the code of the preview as it is now. Preview again: %lobu undo")
        done = link.client.threads.undo(thread.thread_id, structs.replace(wish, digest=digest))
    except Conflict as error:
        raise UsageError(str(error)) from None
    print(f"{done['message']} To undo this: %lobu undo {done['undoId']}")
