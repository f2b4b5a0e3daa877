"""The right to set up model providers: it belongs to the person of a server, or to its administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth import AllowAllAuthorizer

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ACTION = "configure"
DENIED = "Only an administrator of this server may do this (LobuApp.model_admins)."


class Rights:
    """``one_owner``: whether all people are one. ``admins``: the only people who may, if there are any."""

    def __init__(self, one_owner: Callable[[], bool], admins: Collection[str]) -> None:
        self._one_owner, self._admins = one_owner, frozenset(admins)

    async def may(self, handler: Any) -> bool:
        """Return whether the caller of this request may set up providers now."""
        caller, authorizer = handler.caller, handler.authorizer
        if not isinstance(caller, Person):
            return False
        if self._admins and caller.name not in self._admins:
            return False
        if type(authorizer) is AllowAllAuthorizer:  # tells nobody apart
            return self._one_owner() or bool(self._admins)
        allowed = authorizer.is_authorized(handler, handler.current_user, ACTION, handler.auth_resource)
        return bool(await ensure_async(allowed))

    async def check(self, handler: Any) -> None:
        """Refuse a caller who may not.

        Raises:
            NotAllowed: the caller may not.
        """
        if not await self.may(handler):
            raise NotAllowed(DENIED)
