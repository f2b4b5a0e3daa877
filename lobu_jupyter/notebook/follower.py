"""A thread that keeps a chain up to date with its journal while a cell shows it or waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lobu_jupyter.model.errors import LobuError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.client.http import Client

    from .chain import Chain


class Follower(threading.Thread):
    """A thread that follows until the chain has ended. ``error`` is the reason if it could not."""

    def __init__(self, client: Client, thread_id: str, chain: Chain, changed: Callable[[], None]) -> None:
        super().__init__(name=f"lobu {chain.run_id}", daemon=True)
        self.error: LobuError | None = None
        self._client = client
        self._thread_id = thread_id
        self._chain = chain
        self._changed = changed
        self._cursor, self._told = chain.cursor, chain.taken  # already shown by the starter

    def run(self) -> None:
        try:
            for batch in self._client.runs.follow(self._thread_id, self._cursor):
                for entry in batch:
                    self._chain.feed(entry)
                if self._chain.taken != self._told:  # also if another thread was quicker
                    self._told = self._chain.taken
                    self._changed()
                if self._chain.ended:
                    return
        except LobuError as error:
            self.error = error
        finally:
            self._changed()


def catch_up(client: Client, thread_id: str, chain: Chain) -> None:
    """Read the journal up to its present end."""
    for batch in client.runs.follow(thread_id, chain.cursor, follow=False):
        for entry in batch:
            chain.feed(entry)
