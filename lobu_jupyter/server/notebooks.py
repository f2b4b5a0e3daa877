"""An agent's access to a person's notebook: in the page that has it open, or else in its file.

If a page has it open, only that page is asked, because its text is newer than the file. If the page does not
answer, the request is refused with that reason, and the file is never changed behind the page's back. If it is open in
a room of jupyter-collaboration whose pages are not known here, its live document is changed (:mod:`.rooms`).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import nbformat
from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from lobu_jupyter.model.notebook_steps import Several, Stepping, back_of
from lobu_jupyter.model.notebooks import (
    Change,
    Insert,
    Locked,
    Ping,
    Read,
    Request,
    change,
    described,
    is_absent,
    metadata_of,
    names_of,
)

from .rooms import act_in_room

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from .rooms import Rooms

PAGE_SECONDS = 15.0
SETTLE_SECONDS = 5.0  # after the server's start, for earlier pages to reconnect
LOST_SECONDS = 60.0  # a page that lost its connection may come back for so long
TRIES = 3
MOST_NAMED = 32
MAYBE = "Whether it was done shows when the page is back: read the notebook again before you go on."
SILENT = "The page that has the notebook open did not answer, as one whose computer sleeps. Nothing was done."
LEFT = f"The page that has the notebook open went away. {MAYBE}"
LOST = (
    "The page that has the notebook open has lost its connection, and may have unsaved changes. Nothing was done: "
    "try again in a minute."
)
BUSY = "Others work on this notebook at this moment. Nothing was done; try again."
RESTLESS = "Somebody else changes the notebook's file at this moment. Nothing was done; try again."
NO_IDS = (
    "The cells of this file have no ids of their own, as in nbformat 4.4, so a new one could not be found again. Open "
    "it in JupyterLab first, or save it as nbformat 4.5. Nothing was done."
)

Answer = dict[str, Any]
_Offer = tuple[str, frozenset[str]]  # owner and paths


class OpenPage(Protocol):
    """A person's page with notebooks open."""

    async def at_notebook(self, path: str, request: Request | Several | Ping) -> Answer:
        """Send a request to the page and return its answer.

        Raises:
            ConnectionError: the page went away.
            TimeoutError: the page does not answer.
        """
        ...


class Notebooks:
    """The notebooks of all people, in open pages, in rooms of jupyter-collaboration, or in files.

    ``contents`` is the contents manager.
    """

    def __init__(
        self,
        contents: Any,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rooms: Rooms | None = None,
    ) -> None:
        self._rooms = rooms
        self._contents = contents
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._open: dict[OpenPage, _Offer] = {}  # the page last in front comes last
        self._lost: dict[tuple[str, str], float] = {}  # (owner, path) -> end of its page's time to come back
        self._known_names: dict[str, tuple[Any, list[str]]] = {}  # by path: a file's time, its cells' names
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    def offer(self, page: OpenPage, owner: str, paths: list[str], *, front: bool = True) -> None:
        """Replace the list of notebooks that the page has open. ``front``: the person looks at this page."""
        offer = owner, frozenset(map(_plain, paths))
        if front or not paths:
            self._open.pop(page, None)
        if paths and (front or page in self._open):
            self._open[page] = offer
        elif paths:
            self._open = {page: offer, **self._open}
        for path in offer[1]:
            self._lost.pop((owner, path), None)

    def leave(self, page: OpenPage, *, lost: bool = False) -> None:
        """Forget the page. ``lost``: it did not sign off, and may come back with its open notebooks."""
        owner, paths = self._open.pop(page, ("", frozenset[str]()))
        now = self._clock()
        self._lost = {key: until for key, until in self._lost.items() if until > now}
        if lost:
            self._lost.update(((owner, path), now + LOST_SECONDS) for path in paths)

    async def act(self, owner: str, path: str, request: Request | Several) -> Answer:
        """Read or change the notebook, one request at a time. model/notebooks.py describes the answers."""
        lock = self._locks.setdefault(path, asyncio.Lock())
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            return {"refused": BUSY}
        try:
            return await self._act(owner, _plain(path), request)
        except HTTPError as error:
            return {"refused": f"{path}: {error.log_message or error.reason or 'it cannot be had'}"}
        except Exception as error:  # noqa: BLE001 - a contents manager may raise anything
            self._log.exception("lobu: the notebook %s could not be reached", path)
            return {"refused": f"{path} cannot be reached: {error}"}
        finally:
            lock.release()

    async def _act(self, owner: str, path: str, request: Request | Several) -> Answer:
        page = self._page(owner, path)
        if page is None and not isinstance(request, Read):
            await self._sleep(max(0.0, self._began + SETTLE_SECONDS - self._clock()))
            page = self._page(owner, path)
        if page is not None:
            return await self._in_page(page, path, request)
        room = None if self._rooms is None else await self._rooms.document(path)
        if room is not None:
            try:
                return act_in_room(room, request, _new(request))
            except Locked as locked:
                return {"refused": str(locked)}
        if not isinstance(request, Read) and self._clock() < self._lost.get((owner, path), 0):
            return {"refused": LOST}
        return await self._in_file(path, request)

    def _page(self, owner: str, path: str) -> OpenPage | None:
        """Return this person's page with the notebook open, the one last in front."""
        for page, (person, paths) in reversed(self._open.items()):
            if person == owner and path in paths:
                return page
        return None

    async def _in_page(self, page: OpenPage, path: str, request: Request | Several) -> Answer:
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                await page.at_notebook(path, Ping())
        except (TimeoutError, ConnectionError):
            return {"refused": SILENT}
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return await page.at_notebook(path, request)
        except (TimeoutError, ConnectionError):
            return {"refused": LEFT}

    async def _in_file(self, path: str, request: Request | Several) -> Answer:
        for _ in range(TRIES):
            model = await self._get(path)
            notebook = model["content"]
            names = await self._names(path, model)
            if names is None:
                continue
            if isinstance(request, Read):
                return {**described(notebook.cells, request, names), "where": "file"}
            if notebook.nbformat_minor < 5 and isinstance(request, Insert | Several):
                return {"refused": NO_IDS}
            try:
                answer = _in_cells(notebook, request, names)
            except Locked as locked:
                return {"refused": str(locked)}
            if not answer.get("done") or answer.get("absent"):
                return answer
            now = await ensure_async(self._contents.get(path, content=False))
            if now["last_modified"] == model["last_modified"]:
                saved = {"type": "notebook", "format": "json", "content": notebook}
                await ensure_async(self._contents.save(saved, path))
                return answer
        return {"refused": RESTLESS}

    async def _get(self, path: str) -> dict[str, Any]:
        return await ensure_async(self._contents.get(path, content=True, type="notebook"))

    async def _names(self, path: str, model: dict[str, Any]) -> list[str] | None:
        """Return the cells' names, None if the file changes at this moment.

        nbformat makes up an id for a cell without one and for one whose id is not unique, a new one at each reading.
        Two readings tell these from the others.
        """
        known = self._known_names.get(path)
        if known is None or known[0] != model["last_modified"]:
            again = await self._get(path)
            if again["last_modified"] != model["last_modified"]:
                return None
            ids = [str(cell.get("id")) for cell in again["content"].cells]
            known = model["last_modified"], names_of(model["content"].cells, ids)
            self._known_names.pop(path, None)
            self._known_names[path] = known
            if len(self._known_names) > MOST_NAMED:
                del self._known_names[next(iter(self._known_names))]
        return known[1]


def _in_cells(notebook: Any, request: Change | Several, names: list[str]) -> Answer:
    """Change a notebook that was read from its file. Return the answer. It may be saved if the answer is done.

    Raises:
        Locked: the cell's metadata forbids the change.
    """
    if isinstance(request, Several):
        stepping = Stepping(notebook.cells, names, nbformat.from_dict)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        answer, may = stepping.answer(request)
        if may:
            notebook.cells = stepping.cells
        return answer
    if is_absent(names, request):
        return {"done": True, "absent": True}
    back = back_of(notebook.cells, request, names)
    conflict = change(notebook.cells, request, _new(request), names)
    if conflict is not None:
        return {"conflict": conflict}
    return {"done": True, **({"back": back} if back else {})}


def _new(wish: Request | Several) -> Any:
    """Return the cell of an insertion as an nbformat node."""
    if not isinstance(wish, Insert):
        return None
    make: Any = nbformat.v4.new_code_cell if wish.type == "code" else nbformat.v4.new_markdown_cell
    return make(wish.source, id=wish.cell, metadata=metadata_of(wish))


def _plain(path: str) -> str:
    return path.strip("/")
