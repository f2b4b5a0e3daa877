"""What the server is told of agent code in a kernel, so that it need not take the kernel's word for it.

Each request is reported before it is sent and when it has ended: meanwhile the kernel acts for nobody.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import LobuError

if TYPE_CHECKING:
    from .gateway_link import Link

log = logging.getLogger(__name__)


class Reports(Protocol):
    """Where an executor reports its requests, by their msg_id."""

    async def begins(self, call_id: str) -> None:
        """The request is about to be sent. What this raises keeps it from being sent."""
        ...

    async def ends(self, call_id: str, *, stopped: bool) -> None:
        """It has ended; not ``stopped``: it was given up, and its code may still run."""
        ...


class Unheard:
    """Reports to nobody, where no server watches."""

    async def begins(self, call_id: str) -> None: ...

    async def ends(self, call_id: str, *, stopped: bool) -> None: ...


class Report:
    """Reports to the server behind `link`."""

    def __init__(self, link: Link, kernel_id: str) -> None:
        self._link, self._kernel_id = link, kernel_id

    async def begins(self, call_id: str) -> None:
        await self._link.call_begins(self._kernel_id, call_id)

    async def ends(self, call_id: str, *, stopped: bool) -> None:
        try:
            await self._link.call_ends(self._kernel_id, call_id, stopped=stopped)
        except ServerGone:
            raise
        except LobuError as error:
            log.warning("the end of a call in a kernel was not taken: %s", error)
