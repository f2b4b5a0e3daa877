"""The hub's word on whose a token is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from lobu_jupyter.model.errors import StoreUnavailable

if TYPE_CHECKING:
    from jupyterhub.services.auth import HubAuth


class HubUsers:
    """The users behind tokens, asked of the hub each time."""

    def __init__(self, auth: HubAuth) -> None:
        self._auth = auth

    async def user_of_token(self, token: str) -> dict[str, Any] | None:
        """Return the hub's model of the token's user, or None if it knows none.

        Raises:
            StoreUnavailable: the hub does not answer.
        """
        try:
            found: dict[str, Any] | None = await self._auth.user_for_token(token, use_cache=False, sync=False)
        except HTTPError as error:
            raise StoreUnavailable("The hub does not answer the lobu service.") from error
        return found
