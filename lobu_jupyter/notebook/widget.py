"""The chat widget: a thread to talk to, in a cell output, and its standing as traits.

The page talks to the gateway itself; this side only says which thread, and follows it too, so that
Python can observe how it goes. Where a page has no Jupyter server (VS Code, Colab), it goes through
this kernel: see :mod:`.comm`.
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
    waiting, or ``lost`` with the reason in ``error``; ``last_answer`` is the agent's last whole
    message. Both follow the thread whether or not a page is open; observers are called on a
    background thread.

    Raises:
        NoGateway: there is no gateway to be found.
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
        """What is shown where no widgets are."""
        return f"ChatWidget(thread_id={self.thread_id!r}, status={self.status!r})"

    def close(self) -> None:
        """Take the widget away and stop following; the thread and its runs go on."""
        if hasattr(self, "_background"):
            self._background.close()
        super().close()

    def _received(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self._gateway.received(content)

    async def _follow(self) -> None:
        client, thread_id = self._background.client, str(self.thread_id)
        try:
            folding = Fold(await client.snapshot(thread_id))
            self._show(folding.state())
            async for batch in client.follow(thread_id, folding.cursor):
                for entry in batch:
                    folding.apply(entry.seq, decode(entry.body))
                if batch:
                    self._show(folding.state())
        except LobuError as error:
            self._set(status="lost", error=error.message)

    def _show(self, state: State) -> None:
        # The answer first: who waits for "idle" finds it there.
        self._set(last_answer=last_answer(state))
        self._set(status=state["status"])

    def _set(self, **traits: str) -> None:
        for name, value in traits.items():
            self.set_trait(name, value)


def client_of(link: Session) -> AsyncClient:
    """A client of one event loop, with this kernel's credential, or the token that was named for it."""
    found = link.found
    return AsyncClient(found.url, token=found.token, auth=link.auth, verify=found.verify)


def last_answer(state: State) -> str:
    """The text of the agent's last finished message, or nothing."""
    for item in reversed(state["items"]):
        if item["kind"] == "message" and item["role"] == "assistant" and item["done"] and item["content"]:
            return _text(item["content"])
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
