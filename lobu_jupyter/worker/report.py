"""Reports of agent code in a kernel to the server, which then need not trust the kernel's own account.

Each request is reported before it is sent and after it ends. In between, the kernel may act for no person.
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
    """A receiver of an executor's requests, by their msg_id."""

    async def begins(self, call_id: str) -> None:
        """Report a request that is about to be sent. An exception from here keeps it from being sent."""
        ...

    async def ends(self, call_id: str, *, stopped: bool) -> None:
        """Report its end. Not ``stopped`` means that it was given up and its code may still run."""
        ...


class Unheard:
    """Reports that go nowhere, for an executor without a server."""

    async def begins(self, call_id: str) -> None: ...

    async def ends(self, call_id: str, *, stopped: bool) -> None: ...


class Report:
    """Reports of a run's code in one kernel to the server behind `link`."""

    def __init__(self, link: Link, kernel_id: str, run_id: str) -> None:
        self._link, self._kernel_id, self._run_id = link, kernel_id, run_id

    async def begins(self, call_id: str) -> None:
        await self._link.call_begins(self._kernel_id, call_id)

    async def ends(self, call_id: str, *, stopped: bool) -> None:
        try:
            await self._link.call_ends(self._kernel_id, call_id, self._run_id, stopped=stopped)
        except ServerGone:
            raise
        except LobuError as error:
            log.warning("the end of a call in a kernel was not taken: %s", error)
