"""Capabilities that tell a person something, as one run has them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lobu_jupyter.agents.models.retry import Retrying
from lobu_jupyter.model.events import custom

from .border import Border

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai.capabilities import AbstractCapability

    from lobu_jupyter.model.events import Event

    Send = Callable[[Event], Awaitable[None]]


async def tell(send: Send, name: str, message: str) -> None:
    """Send a CUSTOM event that is a message for the person."""
    await send(custom(name, {"message": message}))


def of_run(each: AbstractCapability[None], send: Send) -> AbstractCapability[None]:
    """Return the capability with the run's stream, if it tells something. Others are shared by all runs."""
    if isinstance(each, Retrying):
        return replace(each, tell=send)
    return Border(partial(tell, send)) if isinstance(each, Border) else each
