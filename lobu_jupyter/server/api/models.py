"""models: the providers of this server, how to set one up, test it, and find one on this machine.

A person whom Jupyter's authorizer lets ``configure`` the resource ``lobu`` may change them. No reply holds a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from msgspec import Meta, Struct, field
from tornado import web

from lobu_jupyter.agents.models.catalog import Kind
from lobu_jupyter.model.callers import KernelCaller, Person
from lobu_jupyter.server.handler import LobuHandler
from lobu_jupyter.server.models import probe
from lobu_jupyter.server.models.rights import ACTION
from lobu_jupyter.server.models.saved import Models as Names

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")
Secret = Annotated[str, Meta(min_length=1, max_length=1024)]
Url = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"\A[^\x00]*\Z")]
ModelName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[\x21-\x7e]*\Z")]


def configures(method: F) -> F:
    """Ask Jupyter's authorizer for the right to configure, not just to write."""
    return cast("F", authorized(action=ACTION)(method))


class Connection(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    key: Secret | None = None
    base_url: Url | None = None
    kind: Kind | None = None


class NewProvider(Connection, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``model``: the model of runs that name none. ``models``: what the provider offers, as a test listed it."""

    model: ModelName | None = None
    models: Names = field(default_factory=list[str])


class Nothing(Struct, forbid_unknown_fields=True):
    pass


class ModelsHandler(LobuHandler):
    takes = (Person, KernelCaller)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        may = await self.service.rights.may(self)
        self.reply(self.service.models.view(may_configure=may))


class ProviderHandler(LobuHandler):
    takes = (Person,)

    @web.authenticated
    @configures
    async def put(self, name: str) -> None:
        await self.service.check_configures(self)
        body = self.body(NewProvider)
        entry = await self.service.models.put(
            name,
            kind=body.kind,
            base_url=body.base_url,
            key=body.key,
            models=body.models,
            model=body.model,
        )
        detail = {"provider": name, "key": "set" if body.key else "unchanged", "keyIn": entry.key_in}
        await self.gateway.note(self.caller, "model provider", detail)
        self.reply(self.service.models.view(may_configure=True))

    @web.authenticated
    @configures
    async def delete(self, name: str) -> None:
        await self.service.check_configures(self)
        await self.service.models.delete(name)
        await self.gateway.note(self.caller, "model provider", {"provider": name, "key": "removed"})
        self.reply_nothing()


class TestProviderHandler(LobuHandler):
    takes = (Person,)

    @web.authenticated
    @configures
    async def post(self, name: str) -> None:
        await self.service.check_configures(self)
        body = self.body(Connection)
        tested = await self.service.models.test(name, kind=body.kind, base_url=body.base_url, key=body.key)
        self.reply({**tested._asdict(), "ok": tested.code == "ok"})


class DiscoverHandler(LobuHandler):
    takes = (Person,)

    @web.authenticated
    @configures
    async def post(self) -> None:
        await self.service.check_configures(self)
        self.body(Nothing)
        self.reply({"found": await probe.discover()})


ROUTES = [
    ("models", ModelsHandler),
    ("models/discover", DiscoverHandler),
    ("models/providers/{name}", ProviderHandler),
    ("models/providers/{name}/test", TestProviderHandler),
]
