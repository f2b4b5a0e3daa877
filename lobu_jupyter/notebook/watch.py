"""A thread that keeps a chain up to date with its journal while somebody looks or waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..model.errors import LobuError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..client.http import Client
    from .chain import Chain


class Watch(threading.Thread):
    """Follows until the chain has ended. ``error``: why it could not."""

    def __init__(self, client: Client, thread_id: str, chain: Chain, changed: Callable[[], None]) -> None:
        super().__init__(name=f"lobu {chain.run_id}", daemon=True)
        self.error: LobuError | None = None
        self._client = client
        self._thread_id = thread_id
        self._chain = chain
        self._changed = changed

    def run(self) -> None:
        try:
            for batch in self._client.follow(self._thread_id, self._chain.cursor):
                # Each one is fed, whatever the first ones say.
                news = [self._chain.feed(entry) is not None for entry in batch]
                if any(news):
                    self._changed()
                if self._chain.ended:
                    return
        except LobuError as error:
            self.error = error
        finally:
            self._changed()


def catch_up(client: Client, thread_id: str, chain: Chain) -> None:
    """Read what the journal has by now."""
    for batch in client.follow(thread_id, chain.cursor, follow=False):
        for entry in batch:
            chain.feed(entry)
