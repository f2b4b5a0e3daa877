"""Ownership of kernels and notebooks, checked each time before one is used for a person.

If the identity provider separates people, a kernel belongs to the person whose request started it, and does
not exist for others. A kernel without a known starter belongs to nobody. On every server Jupyter's own
Authorizer is asked as well, as if the person called Jupyter's own route: it sees that route's path, method
and arguments, even if no request of that person is under way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_core.utils import ensure_async
from jupyter_server.auth import AllowAllAuthorizer, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from lobu_jupyter.model.errors import KernelNotFound, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from jupyter_server.auth import Authorizer

AUTHORIZER_SECONDS = 10.0
REMEMBERED = 1000  # people whose login is kept for later checks
ABSENT = "There is no such kernel on this server, or it is not yours."

Action = Literal["read", "write"]


class Owners:
    """An ``OwnersPort``. ``starter`` returns the user whose request started a kernel, or None."""

    def __init__(
        self,
        web_app: Any,
        *,
        one_owner: Callable[[], bool],
        starter: Callable[[str], User | None],
        log: Logger,
    ) -> None:
        self._web_app = web_app
        self._one_owner = one_owner
        self._starter = starter
        self._log = log
        self._users: dict[str, User] = {}

    def remember(self, owner: str, user: User) -> None:
        """Keep this person's last login for the authorizer."""
        self._users.pop(owner, None)
        self._users[owner] = user
        if len(self._users) > REMEMBERED:
            del self._users[next(iter(self._users))]

    async def kernel(self, owner: str, kernel_id: str) -> None:
        """Check that `owner` may execute in this kernel now.

        Raises:
            KernelNotFound: another person started it, or its starter is unknown.
            NotAllowed: Jupyter's authorizer refuses, fails or does not answer.
        """
        if not self._one_owner():
            starter = self._starter(kernel_id)
            if starter is None or starter.username != owner:
                raise KernelNotFound(ABSENT, field="kernelId")
        path = url_path_join("api/kernels", url_escape(kernel_id), "channels")
        if not await self._allows(owner, "execute", "kernels", "GET", path, {"kernel_id": kernel_id}):
            raise NotAllowed(
                "Jupyter's authorizer does not let you run code in this kernel.", field="kernelId"
            )

    async def notebook(self, owner: str, path: str, action: Action) -> None:
        """Check that `owner` may read or write the notebook at `path` now.

        Raises:
            NotAllowed: Jupyter's authorizer refuses, fails or does not answer.
        """
        plain = path.strip("/")
        method = "GET" if action == "read" else "PUT"
        route = url_path_join("api/contents", url_escape(plain))
        if not await self._allows(owner, action, "contents", method, route, {"path": f"/{plain}"}):
            raise NotAllowed(
                f"Jupyter's authorizer does not let you {action} this notebook.", field="notebookPath"
            )

    async def _allows(
        self, owner: str, action: str, resource: str, method: str, path: str, arguments: dict[str, str]
    ) -> bool:
        authorizer: Authorizer = self._web_app.settings["authorizer"]
        if type(authorizer) is AllowAllAuthorizer:
            return True
        user = self._users.get(owner) or User(username=owner)
        uri = url_path_join(self._web_app.settings["base_url"], path)
        try:
            line = RequestStartLine(method, uri, "HTTP/1.1")
            headers, nobody = HTTPHeaders({"Host": "localhost"}), cast("Any", _NoConnection())
            request = HTTPServerRequest(start_line=line, headers=headers, connection=nobody)
            route = _Route(self._web_app, request)
            route.act_for(user, resource, arguments)
            async with asyncio.timeout(AUTHORIZER_SECONDS):
                return bool(await ensure_async(authorizer.is_authorized(route, user, action, resource)))
        except Exception:  # noqa: BLE001 - an authorizer may raise anything. A failure refuses
            self._log.exception("lobu: the authorizer failed to judge %s of %s; refused", action, path)
            return False


class _Route(JupyterHandler):
    """Jupyter's own route, as an authorizer sees it. It never sends a response."""

    def act_for(self, user: User, resource: str, arguments: dict[str, str]) -> None:
        self.current_user = self._jupyter_current_user = user
        self.auth_resource = resource
        self.path_kwargs = arguments


class _NoConnection:
    """A connection without a client."""

    def set_close_callback(self, callback: Any) -> None:
        pass
