"""The base of all handlers: it turns a request into a caller, a body into a value, an error into a reply.

A handler lists the kinds of caller that it accepts in ``takes``. A kernel or a worker proves itself by its
own credential and needs no login, hence no XSRF token. Every other caller is a person with Jupyter's login,
and Jupyter's own checks apply unchanged.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from jupyter_server.auth import AllowAllAuthorizer
from jupyter_server.base.call_context import CallContext
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError

from lobu_jupyter.model.bounds import UNENCODABLE, RepeatedMember, check_members, explain, unencodable
from lobu_jupyter.model.callers import Caller, KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.depth import MAX_DEPTH, too_deep
from lobu_jupyter.model.errors import (
    InvalidField,
    LobuError,
    NotAllowed,
    StoreUnavailable,
    TooLarge,
    status_of,
)
from lobu_jupyter.model.events import Batch
from lobu_jupyter.model.tracing import remote_span

if TYPE_CHECKING:
    from types import TracebackType

    from jupyter_server.auth import Authorizer, User

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.tracing import RemoteSpan

    from .service import Service

T = TypeVar("T")

_CODES = {
    400: "bad_request",
    401: "forbidden",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}
_PERSON_VIA = frozenset({"rest", "page", "cli"})


class CallerMixin(JupyterHandler):
    """The caller of a request and the service, shared by the REST handlers and the page's socket."""

    auth_resource = "lobu"
    takes: ClassVar[tuple[type[Caller], ...]] = (Person, KernelCaller)
    caller: Caller

    @property
    def service(self) -> Service:
        return self.settings["lobu_service"]

    @property
    def gateway(self) -> Gateway:
        """The gateway.

        Raises:
            StoreUnavailable: the store could not be opened.
        """
        return self.service.gateway

    def person(self, via: str = "rest") -> Person:
        """Return the logged-in person, and remember their login."""
        assert self.current_user is not None
        name = self.service.callers.person_name(self.identity_provider, self.current_user)
        self.service.owners.remember(name, self.current_user)
        return Person(name=name, remote=self.request.remote_ip or "", via=via)


class LobuHandler(CallerMixin, APIHandler):
    """Base of all routes but the socket. ``via`` is the surface that the audit records for a person."""

    via: ClassVar[str | None] = None
    _gone: asyncio.Future[None] | None = None

    async def prepare(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as APIHandler's own
        await self.service.wait_ready()
        proven = await self.service.callers.proven(self.request)
        if proven is None:
            await super().prepare()
            if self.request.method == "OPTIONS":
                return  # a CORS preflight of a browser, before any login
            if self.current_user is None:
                raise HTTPError(403)
            self.caller = self.person(self._via())
        else:
            self._accept(*proven)
        if not isinstance(self.caller, self.takes):
            raise NotAllowed(f"this route is not for a {_KIND[type(self.caller)]}")
        limit = self.service.settings.body_bytes
        if len(self.request.body) > limit:
            raise TooLarge(f"a request may have {limit} bytes")

    def _accept(self, caller: Caller, user: User) -> None:
        CallContext.set(CallContext.JUPYTER_HANDLER, self)
        if not self.check_host():
            raise HTTPError(403)
        self.caller = caller
        self.current_user = self._jupyter_current_user = user
        self.set_cors_headers()

    def _via(self) -> str:
        via = self.request.headers.get("X-Lobu-Via", "rest")
        return self.via or (via if via in _PERSON_VIA else "rest")

    @property
    def remote_span(self) -> RemoteSpan | None:
        """The span that the request came from, by its traceparent."""
        return remote_span(self.request.headers)

    def client_gone(self) -> asyncio.Future[None]:
        """Return a future that resolves when the client closes its connection, for calls that wait."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        return self._gone

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    @property
    def authorizer(self) -> Authorizer:
        """Jupyter's authorizer for people and kernels. A worker needs only its token."""
        if isinstance(getattr(self, "caller", None), WorkerCaller):
            return AllowAllAuthorizer()
        return super().authorizer

    # -- reading ----------------------------------------------------------------------------------

    def body(self, cls: type[T]) -> T:
        """Return the JSON body as a `cls`.

        Raises:
            InvalidField: a member, which it names, is missing, given twice, or has another type.
            HTTPError: 400, not JSON, or nested too deep.
        """
        if cls is not Batch and too_deep(self.request.body):  # a batch's events are checked one by one
            raise HTTPError(400, f"the body nests deeper than {MAX_DEPTH}")
        try:
            found = msgspec.json.decode(self.request.body or b"{}", type=cls)
            if cls is not Batch:
                check_members(self.request.body)
            return found
        except RepeatedMember as error:
            raise InvalidField("must be given once", field=error.name) from error
        except msgspec.ValidationError as error:
            _check_json(self.request.body)  # a member may be wrong before the JSON is
            raise _invalid(error, "body") from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            _check_json(self.request.body)
            raise
        except RecursionError as error:
            raise HTTPError(400, f"the body nests deeper than {MAX_DEPTH}") from error

    def query(self, cls: type[T]) -> T:
        """Return the query's arguments as a `cls`. Others are ignored.

        Raises:
            InvalidField: an argument, which it names, has an unusable value.
        """
        given = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        names = {field.encode_name for field in msgspec.structs.fields(cls)}  # pyright: ignore[reportArgumentType]
        for name, values in self.request.query_arguments.items():
            if name in names and len(values) > 1:
                raise InvalidField("must be given once", field=name)
        try:
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid(error, "query") from error

    # -- replying ---------------------------------------------------------------------------------

    def reply(self, value: Any, status: int = 200) -> None:
        """End the request with `value` as JSON."""
        self.set_status(status)
        self.finish(msgspec.json.encode(value))

    def reply_nothing(self) -> None:
        """End the request with 204."""
        self.set_status(204)
        self.finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Reply ``{"error": …}`` to an exception, with only the text that is meant for the caller."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, LobuError):
            self.set_status(status_of(error))
            self.finish(msgspec.json.encode({"error": error.to_wire()}))
            return
        self.finish(msgspec.json.encode({"error": _wire_of_status(status_code, error)}))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log a caller's error only at debug level, and a failing store in one line."""
        if isinstance(value, LobuError) and status_of(value) < 500:
            self.log.debug("lobu: %s: %s", value.code, value.message)
            return
        if isinstance(value, StoreUnavailable):
            self.service.store_failed(value)
            return
        super().log_exception(typ, value, tb)


_KIND = {Person: "person", KernelCaller: "kernel", WorkerCaller: "worker"}


def _check_json(body: bytes) -> None:
    try:
        msgspec.json.decode(body or b"{}")
    except RecursionError as error:
        raise HTTPError(400, f"the body nests deeper than {MAX_DEPTH}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if (field := unencodable(body)) is not None:
            raise InvalidField(UNENCODABLE, field=field) from error
        raise HTTPError(400, "the body is not JSON: %s", error) from error


def _invalid(error: msgspec.ValidationError, where: str) -> InvalidField:
    text, member = explain(error)
    return InvalidField(text, field=member.lstrip(".") or where)


def _wire_of_status(status: int, error: BaseException | None) -> dict[str, Any]:
    message = HTTPStatus(status).phrase
    if isinstance(error, HTTPError) and status < 500:
        message = (error.get_message() if error.log_message else error.reason) or message
    elif status >= 500:
        message = "the server failed at this; its log says more"
    return {"code": _CODES.get(status, "internal" if status >= 500 else "bad_request"), "message": message}
