"""The wire as a test sees it: JSON in, status and JSON out; and a worker in plain Python."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

Json = dict[str, Any]


class Wire:
    """Calls to a ServerApp in this process, as the person with the token unless headers say otherwise."""

    def __init__(self, app: Any, fetch: Callable[..., Awaitable[HTTPResponse]]) -> None:
        self.app = app
        self._fetch = fetch

    @property
    def service(self) -> Any:
        return self.app.web_app.settings["lobu_service"]

    @property
    def url(self) -> str:
        """The server's address, as the calls here use it (a cookie is good for one host name)."""
        return f"http://127.0.0.1:{self.app.port}{self.app.base_url}"

    async def login_cookie(self) -> str:
        """The login cookie of a browser that came with the token in the address."""
        url = f"{self.url}api/status?token={self.app.identity_provider.token}"
        reply = await AsyncHTTPClient().fetch(url)
        return "; ".join(value.split(";")[0] for value in reply.headers.get_list("Set-Cookie"))

    async def raw(self, method: str, path: str, body: Any = None, **options: Any) -> HTTPResponse:
        """One request; an error reply is a reply."""
        if method in ("POST", "PUT", "PATCH"):
            options["body"] = body if isinstance(body, str | bytes) else json.dumps(body or {})
        options.setdefault("request_timeout", 20)
        try:
            return await self._fetch("lobu", "api", *path.split("/"), method=method, **options)
        except HTTPClientError as error:
            if error.response is None:
                raise
            return error.response

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """(status, JSON)."""
        reply = await self.raw(method, path, body, **options)
        return reply.code, json.loads(reply.body) if reply.body else None

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of a reply that must be a success."""
        status, value = await self.ask(method, path, body, **options)
        assert 200 <= status < 300, f"{method} {path}: {status} {value}"
        return value

    async def events(self, thread_id: str, **query: str) -> list[tuple[int, Json]]:
        """(seq, event) of a stream that ends by itself."""
        reply = await self.raw("GET", f"threads/{thread_id}/events", params={"follow": "false", **query})
        assert reply.code == 200, reply.body
        return frames(reply.body)


def frames(body: bytes) -> list[tuple[int, Json]]:
    """(seq, event) of SSE frames; comments are left out."""
    found: list[tuple[int, Json]] = []
    for frame in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.split("\n") if not line.startswith(":") and line)
        if "id" in lines:
            found.append((int(lines["id"]), json.loads(lines["data"])))
    return found


class PlainWorker:
    """A worker that speaks the protocol by hand: registered by the person, no child process."""

    def __init__(self, wire: Wire, worker_id: str, incarnation: int, token: str) -> None:
        self._wire = wire
        self.worker_id = worker_id
        self.incarnation = incarnation
        self.headers = {"Authorization": f"Lobu-Worker {token}"}
        self.after = 0
        self._batches: dict[str, int] = {}

    @classmethod
    async def register(cls, wire: Wire) -> PlainWorker:
        agents = [{"name": "demo", "description": "plain"}, {"name": "script", "description": "plain"}]
        made = await wire.ok("POST", "workers", {"kind": "plain", "agents": agents})
        return cls(wire, made["workerId"], made["incarnation"], made["token"])

    async def tasks(self, wait: float = 5) -> list[Json]:
        """The next inbox items."""
        path = f"workers/{self.worker_id}/inbox"
        params = {"after": str(self.after), "wait": str(wait)}
        items = (await self._wire.ok("GET", path, params=params, headers=self.headers))["items"]
        if items:
            self.after = items[-1]["seq"]
        return items

    async def task(self) -> Json:
        """The next run to do."""
        for _ in range(5):
            for item in await self.tasks():
                if item["kind"] == "start":
                    return item["task"]
        raise AssertionError("no run came")

    async def send(self, task: Json, *events: Json, **more: Any) -> tuple[int, Any]:
        """Post a batch."""
        number = self._batches[task["runId"]] = self._batches.get(task["runId"], 0) + 1
        batch = {"runId": task["runId"], "incarnation": task["incarnation"], "batch": number}
        body = {**batch, "events": list(events), **more}
        return await self._wire.ask("POST", f"workers/{self.worker_id}/events", body, headers=self.headers)

    async def say(self, task: Json, text: str) -> None:
        status, reply = await self.send(task, *text_events(f"msg_{uuid4().hex}", text))
        assert status == 200, reply

    async def call(self, task: Json, tool: str, args: Json, call: str = "") -> str:
        """Journal a tool call without its result; returns its id."""
        call = call or f"call_{uuid4().hex}"
        status, reply = await self.send(task, *call_events(call, tool, args))
        assert status == 200, reply
        return call

    async def finish(self, task: Json) -> None:
        status, reply = await self.send(task, {"type": "RUN_FINISHED", **names(task)})
        assert status == 200, reply

    async def ask(self, task: Json, call: str = "call_1", **metadata: Any) -> None:
        """A tool call that ends the run with a question."""
        interrupt = {"id": f"int_{call}", "reason": "tool_call", "toolCallId": call, "message": "May it?"}
        outcome = {"type": "interrupt", "interrupts": [{**interrupt, "metadata": {"lobu": metadata}}]}
        status, reply = await self.send(
            task,
            {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": "run_code"},
            {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": '{"code": "1"}'},
            {"type": "TOOL_CALL_END", "toolCallId": call},
            {"type": "RUN_FINISHED", **names(task), "outcome": outcome},
            checkpoint="opaque",
        )
        assert status == 200, reply


def call_events(call: str, tool: str, args: Json) -> list[Json]:
    return [
        {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": tool},
        {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": json.dumps(args)},
        {"type": "TOOL_CALL_END", "toolCallId": call},
    ]


def call_of(request: Json) -> tuple[str, Json]:
    """The tool call that means a change of a notebook: its tool and arguments."""
    args = {name: value for name, value in request.items() if name in ("cell", "was", "type", "after")}
    if request["do"] == "outputs":
        return "run_cell", {"cell": request.get("cell"), "code": request.get("was")}
    if request["do"] == "insert":
        args.pop("cell", None)
    if "source" in request:
        args["code"] = request["source"]
    return f"{request['do']}_cell", args


def names(task: Json) -> Json:
    return {"threadId": task["threadId"], "runId": task["runId"]}


def text_events(message: str, text: str) -> list[Json]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": message, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": text},
        {"type": "TEXT_MESSAGE_END", "messageId": message},
    ]
