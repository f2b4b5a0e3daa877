"""Capabilities that tell a person something, as one run has them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.models.retry import Retrying
from lobu_jupyter.model.events import custom

from .border import Border

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic_ai.capabilities import AbstractCapability

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import LeftOut

    Send = Callable[[Event], Awaitable[None]]


async def tell(send: Send, name: str, message: str, **more: Any) -> None:
    """Send a CUSTOM event that is a message for the person."""
    await send(custom(name, {"message": message, **more}))


def of_run(
    each: AbstractCapability[None], send: Send, model: str, left_out: Sequence[LeftOut]
) -> AbstractCapability[None]:
    """Return the capability with the run's stream, if it tells something. Others are shared by all runs.

    ``left_out``: what earlier runs left out for some model, because its provider refused it.
    """
    if isinstance(each, Retrying):
        return replace(each, tell=send)
    if not isinstance(each, Border):
        return each
    known = {part for one in left_out if one.model == model for part in one.parts}
    return Border(partial(_tell_of_model, send, model), known)


async def _tell_of_model(send: Send, model: str, name: str, message: str, **more: Any) -> None:
    await tell(send, name, message, **({"model": model, **more} if more else {}))
