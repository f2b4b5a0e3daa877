"""A run's output in a cell: one MIME bundle, kept up to date while the front end can show it.

Updates are sent under the header of the cell that first showed the run, so that they reach that output
and no other, at most four a second. Without a live front end (nbval, papermill), there is one output.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME

from .bounded import bounded
from .render import html_of, text_of

if TYPE_CHECKING:
    from lobu_jupyter.model.errors import LobuError
    from lobu_jupyter.model.fold import State
    from lobu_jupyter.notebook.chain import Chain

MIME = TRANSCRIPT_MIME
EVERY = 0.25
"""Seconds between two updates, more for a large output."""


def bundle_of(
    chain: Chain, thread_id: str, prompt: str, trouble: LobuError | None = None, *, live: bool = True
) -> dict[str, Any]:
    """Return the MIME bundle of docs/wire.md, "The cell output".

    It has the snapshot once the run pauses or ends. ``trouble`` is the error that stopped the reading. Unless
    ``live``, nobody brings the texts up to date, so they say how to see more.
    """
    state, status = chain.state(), chain.status
    thread: dict[str, Any] = {
        "version": 1,
        "threadId": thread_id,
        "runId": chain.run_ids[0],
        "cursor": chain.cursor,
        "prompt": _journaled(state) or prompt,
    }
    if status not in ("queued", "running"):
        thread["snapshot"] = bounded(state)
    items = state["items"] or [_prompt_item(prompt)]
    if trouble is not None:
        items = [*items, {"kind": "error", "code": trouble.code, "message": trouble.message}]
    shown = {**state, "items": items}
    return {
        MIME: thread,
        "text/plain": text_of(shown, status, live=live),
        "text/html": html_of(shown, status, live=live),
    }


def _journaled(state: State) -> str:
    """Return the prompt as journaled, so that a redacted part is not saved with the notebook either."""
    said = [item["content"] for item in state["items"] if item.get("role") == "user"]
    return said[0] if said and isinstance(said[0], str) else ""


def _prompt_item(prompt: str) -> dict[str, Any]:
    return {"kind": "message", "role": "user", "content": prompt, "done": True}


def live_front_end(embedded: bool) -> bool:
    """Return whether a front end shows updates of this cell's output once it has ended. ``LOBU_LIVE`` decides, if set.

    A page of the server does. Elsewhere only a request that names its cell comes from a page (VS Code, Colab):
    nbconvert, papermill, nbval and consoles name none.
    """
    given = os.environ.get("LOBU_LIVE")
    if given is not None:
        return given == "1"
    metadata = _metadata()
    return not embedded or "cellId" in metadata or "colab" in metadata


def cell_id() -> str | None:
    """Return the id of the notebook's cell that runs now, as its page names it."""
    found = _metadata().get("cellId")
    return found if isinstance(found, str) and found else None


def _metadata() -> dict[str, Any]:
    from IPython.core.getipython import get_ipython

    kernel: Any = getattr(get_ipython(), "kernel", None)
    return {} if kernel is None else kernel.get_parent("shell").get("metadata") or {}


def this_cell() -> str:
    """Return the id of the request that runs the present cell, or an empty text in a terminal."""
    from IPython.core.getipython import get_ipython

    return str(_parent(get_ipython()).get("msg_id") or "")


def _parent(shell: Any) -> dict[str, Any]:
    return dict(getattr(getattr(shell, "display_pub", None), "parent_header", None) or {})


class CellOutput:
    """An output of a cell. Created on the main thread while the cell runs, and updated from any thread."""

    def __init__(self, bundle: dict[str, Any]) -> None:
        from IPython.core.getipython import get_ipython

        self._shell: Any = get_ipython()
        self._id = new_id("out")
        self.cell = _parent(self._shell)
        self._next = 0.0
        self._size = 0
        self._lock = threading.Lock()
        self._publish(bundle, update=False)

    @property
    def in_this_cell(self) -> bool:
        """True if the cell that runs now shows this output."""
        return self.cell.get("msg_id") is not None and self.cell.get("msg_id") == _parent(self._shell).get(
            "msg_id"
        )

    def due(self) -> bool:
        """Return whether an update may be sent now. After a larger one, the next is due later."""
        return time.monotonic() >= self._next

    def update(self, bundle: dict[str, Any], *, from_this_cell: bool = False) -> None:
        """Replace the output. ``from_this_cell`` uses the header of the cell that runs now."""
        if from_this_cell:
            self._publish(bundle, update=True)
            return
        display: Any = getattr(self._shell, "display_pub", None)
        if getattr(display, "session", None) is None:
            return  # a terminal: what was printed stays
        content = {"data": bundle, "metadata": {}, "transient": {"display_id": self._id}}
        with self._lock:
            display.session.send(
                display.pub_socket, "update_display_data", content, parent=self.cell, ident=display.topic
            )
            self._spend(bundle)

    def _publish(self, bundle: dict[str, Any], *, update: bool) -> None:
        from IPython.display import publish_display_data

        publish_display_data(bundle, transient={"display_id": self._id}, update=update)
        self._spend(bundle)

    def _spend(self, bundle: dict[str, Any]) -> None:
        size = len(bundle["text/html"]) + len(bundle["text/plain"])
        self._next = time.monotonic() + EVERY + size / 500_000
