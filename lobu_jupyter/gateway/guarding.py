"""Guardrails see every text that a person sends; one that raises, for whatever reason, refuses it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lobu_jupyter.model.errors import LobuError, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Context

log = logging.getLogger(__name__)


async def guard(ctx: Context, texts: Iterable[str], where: str) -> None:
    """Show `texts` to the guardrail before anything is written.

    Raises:
        NotAllowed: it refuses, or fails: closed by default.
    """
    if ctx.settings.guardrail is None:
        return
    for text in texts:
        try:
            await ctx.settings.guardrail(text, where)
        except LobuError:
            raise
        except Exception as error:  # a guardrail is foreign code; that it failed must refuse
            log.warning("the guardrail refused a text of %s", where, exc_info=True)
            raise NotAllowed(f"Refused by this server's guardrail: {error}", field=where) from error
