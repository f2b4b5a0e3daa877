"""Where an agent reads and changes a person's notebook: in the page that has it open, else in its file.

A page that has it open is the only one to ask: its text is newer than the file. What such a page does not
answer is told as that, and never done in the file behind its back.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from weakref import WeakValueDictionary

import nbformat
from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from ..model.notebooks import Change, Insert, Read, Request, change, described

PAGE_SECONDS = 15.0
TRIES = 3
SILENT = (
    "The page that has the notebook open did not answer in {:.0f} s, as one whose computer sleeps. Whether it was "
    "done shows when the page is back: read the notebook again before you go on."
)
LEFT = "The page that had the notebook open went away. Read the notebook again before you go on."
RESTLESS = "Somebody else changes the notebook's file at this moment. Nothing was done; try again."

Answer = dict[str, Any]


class Page(Protocol):
    """A person's page with notebooks open."""

    async def at_notebook(self, path: str, request: Request) -> Answer:
        """Ask the page; its answer.

        Raises:
            ConnectionError: it went away.
        """
        ...


class Notebooks:
    """``contents``: the server's contents manager."""

    def __init__(self, contents: Any) -> None:
        self._contents = contents
        self._open: dict[
            Page, tuple[str, frozenset[str]]
        ] = {}  # whose, and which; the last in front comes last
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    def offer(self, page: Page, owner: str, paths: list[str]) -> None:
        """The page has these notebooks open, and no others; it is the one in front."""
        self.leave(page)
        if paths:
            self._open[page] = owner, frozenset(map(_plain, paths))

    def leave(self, page: Page) -> None:
        self._open.pop(page, None)

    async def act(self, owner: str, path: str, request: Request) -> Answer:
        """Read or change the notebook, one after the other; answers: model/notebooks.py."""
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            for page, (person, paths) in reversed(self._open.items()):
                if person == owner and _plain(path) in paths:
                    return await self._in_page(page, _plain(path), request)
            try:
                return await self._in_file(path, request)
            except HTTPError as error:
                why = error.log_message or error.reason or "it cannot be had"
                return {"refused": f"{path}: {why}"}

    async def _in_page(self, page: Page, path: str, request: Request) -> Answer:
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return await page.at_notebook(path, request)
        except TimeoutError:
            return {"refused": SILENT.format(PAGE_SECONDS)}
        except ConnectionError:
            return {"refused": LEFT}

    async def _in_file(self, path: str, request: Request) -> Answer:
        for _ in range(TRIES):
            model = await ensure_async(self._contents.get(path, content=True, type="notebook"))
            notebook = model["content"]
            if isinstance(request, Read):
                return {"cells": described(notebook.cells, request.cell), "where": "file"}
            conflict = change(notebook.cells, request, _new(request, ids=notebook.nbformat_minor >= 5))
            if conflict is not None:
                return {"conflict": conflict}
            now = await ensure_async(self._contents.get(path, content=False))
            if now["last_modified"] == model["last_modified"]:
                saved = {"type": "notebook", "format": "json", "content": notebook}
                await ensure_async(self._contents.save(saved, path))
                return {"done": True}
        return {"refused": RESTLESS}


def _new(wish: Change, *, ids: bool) -> Any:
    """The cell of an insertion, as nbformat has it."""
    if not isinstance(wish, Insert):
        return None
    make: Any = nbformat.v4.new_code_cell if wish.type == "code" else nbformat.v4.new_markdown_cell
    cell: Any = make(wish.source, id=wish.cell)
    if not ids:
        del cell["id"]
    return cell


def _plain(path: str) -> str:
    return path.strip("/")
