"""Guardrails: each sees every text that a person sends. If it raises, for any reason, the text is refused."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lobu_jupyter.model.errors import LobuError, NotAllowed

from .access import owner_of, record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Tx

    from .context import Context

log = logging.getLogger(__name__)


async def guard(ctx: Context, by: Caller, texts: Iterable[str], where: str, thread_id: str) -> None:
    """Pass `texts` to the guardrail before anything is written. The audit has a refusal without the text.

    Raises:
        NotAllowed: the guardrail refuses, fails or takes too long.
    """
    if ctx.settings.guardrail is None:
        return
    for text in texts:
        try:
            async with asyncio.timeout(ctx.settings.guardrail_seconds):
                await ctx.settings.guardrail(text, where)
        except Exception as error:  # a guardrail is foreign code: any failure refuses
            log.warning("the guardrail refused a text of %s", where, exc_info=True)
            await _record(ctx, by, where, thread_id)
            if isinstance(error, LobuError):
                raise
            why = "it took too long" if isinstance(error, TimeoutError) else str(error)
            raise NotAllowed(f"Refused by this server's guardrail: {why}", field=where) from error


async def _record(ctx: Context, by: Caller, where: str, thread_id: str) -> None:
    async def body(tx: Tx) -> None:
        thread = await tx.one("thread", thread_id=thread_id)
        mine = thread is not None and thread["owner"] == owner_of(by)
        await record(ctx, tx, by, f"guardrail refused {where}", owner_of(by), thread_id if mine else None)

    await ctx.database.write(body)
