"""The pages of the service: what needs a person's approval over all of their servers, and an overview for administrators."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from tornado import web

from lobu_jupyter.model.bounds import MAX_SEARCH
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import LobuError, NotAllowed, status_of
from lobu_jupyter.model.requests import ThreadsQuery
from lobu_jupyter.server.handler import CallerMixin, LobuHandler

from . import html
from .cards import thread_card
from .servers import NOT_HERE

if TYPE_CHECKING:
    from lobu_jupyter.gateway import Settings
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.policy import Grant
    from lobu_jupyter.model.runs import Thread

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FOUND = 50  # threads of a search
PAGE = Path(__file__).parent / "page"
WIDGET = Path(__file__).parents[2] / "notebook" / "static"  # the style of the cards


class HubPage(CallerMixin):
    """Base of the pages. ``?part=main`` returns the changing part alone."""

    title = ""

    @property
    def content_security_policy(self) -> str:
        return CSP

    @web.authenticated
    async def get(self) -> None:
        await self.service.wait_ready()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        try:
            main = await self.main(self.person("page"))
        except LobuError as error:
            self.set_status(status_of(error))
            main = f"<p>{html.text(error.message)}</p>"
        if self.get_query_argument("part", "") == "main":
            self.set_header("X-Version", html.version_of(main))
            self.finish(main)
            return
        links = [("Home", self.service.hub_address + "home"), ("Approvals", self.base_url)]
        if self.is_admin:
            links.append(("Overview", f"{self.base_url}admin"))
        self.finish(html.page(self.base_url, self.xsrf_token.decode(), self.title, links, main))

    @property
    def is_admin(self) -> bool:
        """Return whether the hub counts this person among its administrators."""
        model: dict[str, Any] = getattr(self.current_user, "hub_user", {})
        return model.get("kind") == "user" and model.get("admin") is True

    async def main(self, by: Person) -> str:
        """Return the changing part."""
        raise NotImplementedError


class InboxPage(HubPage):
    """The page of what needs this person's approval, with a search over their chats."""

    title = "Approvals"

    async def main(self, by: Person) -> str:
        words = self.get_query_argument("q", "")[:MAX_SEARCH]
        waits = frozenset(await self.gateway.seat.waiting_for_server(by.name))
        parts = [
            await self._waiting(by),
            await self._for_server(by, waits),
            await self._servers(by),
            await self._grants(by),
            html.section("Past chats", html.search_form(words) + await self._found(by, words, waits), "past"),
        ]
        return "".join(parts)

    async def _servers(self, by: Person) -> str:
        """Return the person's servers, as far as the hub lets the service see them."""
        servers = self.service.hub_servers
        host = self.service.hub_address.partition("/hub/")[0]
        try:
            rows = await servers.list(by.name) if servers is not None else []
        except LobuError:
            rows = []
        if rows:
            return html.section("Servers", html.server_rows(rows, host))
        if await self.gateway.seat.has_server(by.name):
            return ""
        return html.section(
            "Servers", "<p>Your server is not running. Start it from the hub’s home page.</p>"
        )

    async def _for_server(self, by: Person, waits: frozenset[str]) -> str:
        """Return the chats whose decisions wait for a server of this person."""
        if not waits:
            return ""
        threads = [thread for name in sorted(waits) if (thread := await self._thread(by, name)) is not None]
        standing = dict.fromkeys(waits, "Waits for your server")
        return html.section("Decided", html.thread_rows(threads, self.service.hub_address, standing))

    async def _waiting(self, by: Person) -> str:
        waiting: dict[str, list[Interrupt]] = {}
        for question in await self.gateway.policy.interrupts(by):
            waiting.setdefault(question.thread_id, []).append(question)
        shown: list[str] = []
        for thread_id, questions in waiting.items():
            thread = await self._thread(by, thread_id)
            if thread is not None:
                shown.append(thread_card(thread, questions, self.service.hub_address))
        return html.section("Pending approvals", "".join(shown) or '<p class="empty">All caught up.</p>')

    async def _grants(self, by: Person) -> str:
        """Return what runs without asking because this person has approved it."""
        grants = (await self.gateway.policy.permissions(by))["grants"]
        rows: list[tuple[Grant, str]] = []
        for grant in grants:
            thread = await self._thread(by, grant.thread_id) if grant.thread_id else None
            where = (
                html.title_of_thread(thread) if grant.scope == "thread" else html.text(grant.notebook_path)
            )
            rows.append((grant, where))
        return html.section("Active approvals", html.grant_rows(rows)) if rows else ""

    async def _found(self, by: Person, words: str, waits: frozenset[str]) -> str:
        if not words:
            return ""
        found = await self.gateway.threads.list(by, ThreadsQuery(search=words, limit=FOUND))
        standing = dict.fromkeys(waits, "Waits for your server")
        return html.thread_rows(found, self.service.hub_address, standing)

    async def _thread(self, by: Person, thread_id: str) -> Thread | None:
        """Return a thread, or None if it was deleted a moment ago."""
        try:
            return await self.gateway.threads.get(by, thread_id)
        except LobuError:
            return None


class AdminPage(HubPage):
    """Runs, spend, policy and who is stuck, over all people. It shows no content of anybody's chat."""

    title = "Overview"

    async def main(self, by: Person) -> str:
        if not self.is_admin:
            raise NotAllowed("This page is for administrators of the hub.")
        found = await self.gateway.seat.overview()
        running, stuck = _runs(found["running"]), [*_stuck(found)]
        spent = [
            (row["owner"], f"{row['tokens']:,}", f"${row['dollars']:,.2f}", row["unpriced"])
            for row in found["spent"]
        ]
        return "".join(
            [
                f"<p>Connected servers: {found['servers']}</p>",
                html.table("Runs under way", ("Person", "Agent", "Model", "For", "Status"), running, "None."),
                html.table("Waiting longest", ("Person", "What", "For"), stuck, "Nobody waits."),
                html.table(
                    "Used today (UTC)",
                    ("Person", "Tokens", "Dollars", "Requests without a price"),
                    spent,
                    "Nothing yet.",
                ),
                html.table("Policy for all", ("Setting", "Value"), policy_rows(self.gateway.settings), ""),
            ]
        )


class StartServer(Struct, forbid_unknown_fields=True):
    """The body of a start. ``server``: its name, empty for the default server."""

    server: Annotated[str, Meta(max_length=255)] = ""


class StartHandler(LobuHandler):
    """The start of one of a person's own servers."""

    takes = (Person,)

    @web.authenticated
    async def post(self) -> None:
        body = self.body(StartServer)
        servers = self.service.hub_servers
        if servers is None or not await servers.may_start():
            raise NotAllowed(NOT_HERE)
        await servers.start(self.caller.name, body.server)
        self.reply({}, 202)


def policy_rows(settings: Settings) -> list[tuple[str, str]]:
    """Return the rules that hold for all people, in words."""
    rules = settings.rules
    days = settings.keep_seconds / 86400 if settings.keep_seconds is not None else 0
    limits = [f"{name} {amount:,}" for name, amount in settings.budgets.limits().items()]
    return [
        ("Never run", ", ".join(rules.deny) or "-"),
        ("Always ask", ", ".join((*rules.ask, *rules.no_grant)) or "-"),
        ("Run without asking", ", ".join(rules.allow) or "-"),
        ("Mode", html.mode_words(rules.mode)),
        ("Most that a notebook may set", html.mode_words(settings.max_mode)),
        ("Models", ", ".join(settings.allowed_models or ("all",))),
        ("Budgets (dollars in millionths)", ", ".join(limits) or "none"),
        ("Guardrail", "yes" if settings.guardrail is not None else "no"),
        ("Chats are kept", f"{days:g} days" if days else "for ever"),
    ]


def _runs(running: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            row["owner"],
            row["agent"],
            row["model"] or "",
            duration(row["seconds"]),
            "Running" if row["fetched"] else f"Waits for a {row['waitsFor']}",
        )
        for row in running
    ]


def _stuck(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = [(row["seconds"], row["owner"], f"{row['questions']} need approval") for row in found["waiting"]]
    rows += [(row["seconds"], row["owner"], f"{row['runs']} queued") for row in found["queued"]]
    return [(owner, what, duration(seconds)) for seconds, owner, what in sorted(rows, reverse=True)]


def duration(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{math.floor(seconds / size)} {unit}"
    return f"{max(0, math.floor(seconds))} s"


class PageFiles(web.StaticFileHandler):
    """The pages' script and style, which hold nothing of anybody."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")


ROUTES: list[Any] = [
    ("/", InboxPage),
    ("/admin", AdminPage),
    ("/page/start", StartHandler),
    (r"/page/(hub\.js|hub\.css)", PageFiles, {"path": str(PAGE)}),
    (r"/page/(widget\.css)", PageFiles, {"path": str(WIDGET)}),
]
