"""The chat widget: a thread in a cell output, with its status as traits.

The page talks to the gateway itself. A page with our extension draws the thread without the widget, so that it is
there after a reload and without a kernel. The kernel names the thread and follows it too, so that Python can
observe it. A page without a Jupyter server (VS Code, Colab) goes through this kernel: see :mod:`.comm`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from lobu_jupyter.client.http import AsyncClient
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.fold import Fold
from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME

from . import session
from .api import NotebookThread
from .background import Background
from .comm import Comm

if TYPE_CHECKING:
    from lobu_jupyter.model.fold import State

    from .session import Session

_STATIC = Path(__file__).parent / "static"


class ChatWidget(anywidget.AnyWidget):  # pyright: ignore[reportUntypedBaseClass]
    """A chat with the agent on one thread: this notebook's, or the one that ``thread`` names.

    Show it as the value of a cell, in as many cells as you like. ``status`` is idle, running or
    waiting, or ``lost`` with the reason in ``error``. ``last_answer`` is the agent's last whole
    message. Both follow the thread even if no page is open. Observers are called on a background
    thread.

    Raises:
        NoGateway: no gateway was found.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    thread_id = traitlets.Unicode("").tag(sync=True)
    status = traitlets.Unicode("idle").tag(sync=True)
    last_answer = traitlets.Unicode("").tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, thread: str | NotebookThread | None = None, *, new: bool = False) -> None:
        link = session.reaching()
        if isinstance(thread, NotebookThread):
            thread_id = thread.thread_id
        else:
            thread_id = link.thread(thread, new=new).thread_id
        super().__init__(thread_id=thread_id)
        self._background = Background(lambda: client_of(link), f"lobu widget {thread_id}")
        self._gateway = Comm(self._background, self.send)
        self.on_msg(self._received)
        self._background.submit(self._follow())

    def __repr__(self) -> str:
        """Return the text for front ends without widgets."""
        return f"ChatWidget(thread_id={self.thread_id!r}, status={self.status!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget's view, and the thread for pages that draw it also when this kernel is gone."""
        shown: tuple[dict[str, Any], dict[str, Any]] | None = super()._repr_mimebundle_(**kwargs)
        if shown is None:
            return None
        data, metadata = shown
        return {**data, TRANSCRIPT_MIME: {"version": 1, "threadId": self.thread_id, "chat": True}}, metadata

    def close(self) -> None:
        """Remove the widget and stop following. The thread and its runs continue."""
        if hasattr(self, "_background"):
            self._background.close()
        super().close()

    def _received(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self._gateway.received(content)

    async def _follow(self) -> None:
        client, thread_id = self._background.client, str(self.thread_id)
        try:
            folding = Fold(await client.runs.snapshot(thread_id))
            self._show(folding.state())
            async for batch in client.runs.follow(thread_id, folding.cursor):
                for entry in batch:
                    folding.apply(entry.seq, decode(entry.body))
                if batch:
                    self._show(folding.state())
        except LobuError as error:
            self._set(status="lost", error=error.message)

    def _show(self, state: State) -> None:
        # The answer first, so that an observer of "idle" finds it.
        self._set(last_answer=last_answer(state))
        self._set(status=state["status"])

    def _set(self, **traits: str) -> None:
        for name, value in traits.items():
            self.set_trait(name, value)


def client_of(link: Session) -> AsyncClient:
    """Return a client for one event loop, with this kernel's credential or the token named for it."""
    found = link.found
    return AsyncClient(found.url, token=found.token, auth=link.auth, verify=found.verify)


def last_answer(state: State) -> str:
    """Return the text of the agent's last finished message, or an empty text."""
    for item in reversed(state["items"]):
        if item["kind"] == "message" and item["role"] == "assistant" and item["done"] and item["content"]:
            return _text(item["content"])
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
