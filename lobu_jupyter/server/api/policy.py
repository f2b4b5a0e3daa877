"""policy: the rules that hold, the notebook's own rules, and grants."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id, Name
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.server.handler import LobuHandler


class PolicyQuery(Struct, kw_only=True, rename="camel"):
    thread_id: Id | None = None
    notebook_path: Name | None = None


class NotebookRules(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    notebook_path: Name
    rules: Rules


class PolicyHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(PolicyQuery)
        self.reply(
            await self.gateway.policy.get(
                self.caller, thread_id=query.thread_id, notebook_path=query.notebook_path
            )
        )

    @web.authenticated
    @authorized
    async def put(self) -> None:
        body = self.body(NotebookRules)
        self.reply(
            await self.gateway.policy.put(self.caller, notebook_path=body.notebook_path, rules=body.rules)
        )


class GrantHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def delete(self, grant_id: str) -> None:
        await self.gateway.policy.revoke(self.caller, grant_id)
        self.reply_nothing()


class PermissionsHandler(LobuHandler):
    takes = (Person,)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        assert isinstance(self.caller, Person), "takes says so"
        found = await self.gateway.policy.permissions(self.caller)
        self.reply({**found, "mcpServers": self.service.mcp_servers})


ROUTES = [
    ("permissions", PermissionsHandler),
    ("policy", PolicyHandler),
    ("policy/grants/{grantId}", GrantHandler),
]
