"""A model provider on loopback with scripted replies: OpenAI's chat and responses, Anthropic's messages, Gemini.

It streams as they do, calls tools, fails on request, and records what it was sent::

    with Provider() as provider:
        provider.script = [calls(Call("run_code", '{"code": "1"}')), says("Done.")]
        ...  # openai: base_url f"{provider.url}/v1", anthropic: provider.url
        provider.requests[0].body["messages"]

The last reply of a script is repeated for ever. The server runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from uuid import uuid4

import pytest
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from lobu_jupyter.agents.builtin import assistant
from lobu_jupyter.agents.models.retry import Retrying

MODEL = "test-model"
Chunk = tuple[str | None, dict[str, Any] | str]  # SSE event name, data


@dataclass(frozen=True)
class Call:
    """A tool call; ``args`` is the JSON text, well formed or not; ``namespace``: the tool's, in OpenAI's responses."""

    name: str
    args: str = "{}"
    id: str = field(default_factory=lambda: f"call_{uuid4().hex[:12]}")
    namespace: str | None = None


@dataclass(frozen=True)
class Reply:
    """One answer. ``end``: how it ends: stop, cut (connection dropped in mid-stream), drop (dropped before
    it said anything) or hang (nothing more comes). ``finish``: the provider's reason to stop, in OpenAI's chat
    words. ``code``: of an error. ``in_stream``: the error comes as an event of a 200 stream.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    status: int = 200
    message: str = ""
    end: str = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    finish: str | None = None
    code: str | None = None
    in_stream: bool = False


def says(text: str) -> Reply:
    return Reply(text)


def calls(*made: Call, text: str = "") -> Reply:
    return Reply(text, made)


def fails(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    return Reply(status=status, message=message, code=code, headers=headers)


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Provider:
    """The server. ``closed``: set when a client dropped a connection before its answer's end."""

    def __init__(self) -> None:
        self.script: list[Reply] = [says("Hello.")]
        self.requests: list[Request] = []
        self.models = [MODEL, "another-model"]
        self.key: str | None = None  # what a request must carry; None: nothing
        self.listing: Callable[[RequestHandler], None] | None = None  # in place of the list of models
        self.ollama: dict[str, Any] = {}  # what Ollama's own API answers to "ps" and "show", else 404
        self.listed: list[Request] = []  # the requests for it
        # what a request's body is refused for: a sentence, or the provider's own error body
        self.refuses: Callable[[dict[str, Any]], str | dict[str, Any] | None] = lambda _: None
        self.closed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._sockets = bind_sockets(0, "127.0.0.1")
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(60), "the provider did not start"
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(60)
        self._loop.close()

    def next(self) -> Reply:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def _end(self) -> None:
        assert self._stop is not None
        self._stop.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        routes = [
            (r"/v1/chat/completions", _Handler, {"provider": self, "chunks": _chat}),
            (r"/v1/responses", _Handler, {"provider": self, "chunks": _responses}),
            (r"/v1/messages", _Handler, {"provider": self, "chunks": _messages}),
            (r"/v1/models|/api/tags|/v1beta/models", _Models, {"provider": self}),
            (r"/v1beta/models/.*:streamGenerateContent", _Handler, {"provider": self, "chunks": _gemini}),
        ]
        routes.append((r"/api/(ps|show)", _Ollama, {"provider": self}))
        server = HTTPServer(Application(routes))
        server.add_sockets(self._sockets)
        self._started.set()
        await self._stop.wait()
        server.stop()
        await server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, provider: Provider, chunks: Callable[[Reply], list[Chunk]]) -> None:
        self._provider, self._chunks = provider, chunks
        self._gone = asyncio.Event()

    async def post(self) -> None:
        body = json.loads(self.request.body)
        self._provider.requests.append(Request(self.request.path, dict(self.request.headers), body))
        refusal = self._provider.refuses(body)
        if isinstance(refusal, dict):
            self.set_status(400)
            self.finish(refusal)
            return
        reply = fails(400, refusal, "invalid_request_error") if refusal else self._provider.next()
        for name, value in reply.headers.items():
            self.set_header(name.replace("_", "-"), value)
        error = {"message": reply.message, "type": reply.code or "test_error", "code": reply.code}
        if reply.status != 200 and not reply.in_stream:
            self.set_status(reply.status)
            self.finish({"type": "error", "error": error})
            return
        self.set_header("Content-Type", "text/event-stream")
        chunks = self._chunks(reply)
        if reply.in_stream:
            chunks = [*chunks[: len(chunks) // 2], ("error", {"type": "error", "error": error, **error})]
        if reply.end == "drop":
            self.request.connection.stream.close()  # pyright: ignore[reportAttributeAccessIssue]
            return
        await self._send(chunks if reply.end == "stop" else chunks[: max(len(chunks) // 2, 1)])
        if reply.end == "cut":
            self.request.connection.stream.close()  # pyright: ignore[reportAttributeAccessIssue]
        elif reply.end == "hang":
            await asyncio.wait_for(self._gone.wait(), 60)

    async def _send(self, chunks: list[Chunk]) -> None:
        for name, data in chunks:
            self.write(f"event: {name}\n" if name else "")
            self.write(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")
            try:
                await self._flushed(self.flush())
            except StreamClosedError:
                return

    @staticmethod
    async def _flushed(flushing: Awaitable[None]) -> None:
        await flushing
        await asyncio.sleep(0)

    def on_connection_close(self) -> None:
        self._gone.set()
        self._provider.closed.set()


class _Ollama(RequestHandler):
    """What Ollama's own API tells of loaded models, and of one."""

    def initialize(self, provider: Provider) -> None:
        self._provider = provider

    def get(self, name: str) -> None:
        found = self._provider.ollama.get(name)
        if found is None:
            self.set_status(404)
        self.finish(json.dumps(found))

    post = get


class _Models(RequestHandler):
    """The models, as OpenAI and Anthropic (``data``), Ollama and Google (``models``) list them."""

    def initialize(self, provider: Provider) -> None:
        self._provider = provider

    def get(self) -> None:
        provider, headers = self._provider, self.request.headers
        provider.listed.append(Request(self.request.path, dict(headers), {}))
        if provider.listing is not None:
            provider.listing(self)
            return
        given = [headers.get(name) for name in ("Authorization", "x-api-key", "x-goog-api-key")]
        if provider.key is not None and not {provider.key, f"Bearer {provider.key}"} & set(given):
            self.set_status(401)
            self.finish({"error": {"message": f"Incorrect key: {given}", "type": "invalid_request_error"}})
        elif self.request.path == "/api/tags":
            self.finish({"models": [{"name": name, "model": name, "size": 1} for name in provider.models]})
        elif self.request.path == "/v1beta/models":
            chat = {"supportedGenerationMethods": ["generateContent", "countTokens"]}
            other = {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]}
            self.finish(
                {"models": [*({"name": f"models/{name}", **chat} for name in provider.models), other]}
            )
        else:
            data = [
                {"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in provider.models
            ]
            self.finish({"object": "list", "data": data})


def _pieces(text: str) -> list[str]:
    return [text[i : i + 8] for i in range(0, len(text), 8)]


def _chat(reply: Reply) -> list[Chunk]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return None, {**head, "choices": [choice]}

    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    chunks = [chunk({"role": "assistant", "content": piece}) for piece in _pieces(reply.text)]
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": ""}
        chunks.append(
            chunk({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})
        )
        chunks += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in _pieces(call.args)
        ]
    chunks.append(chunk({}, reply.finish or ("tool_calls" if reply.calls else "stop")))
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return [*chunks, (None, {**head, "choices": [], "usage": usage}), (None, "[DONE]")]


def _responses(reply: Reply) -> list[Chunk]:
    response: dict[str, Any] = {
        "id": "r1", "object": "response", "created_at": 1, "model": MODEL, "status": "in_progress",
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    chunks: list[dict[str, Any]] = [{"type": "response.created", "response": response}]
    if reply.text:
        chunks += _response_text(reply.text)
    for number, call in enumerate(reply.calls, bool(reply.text)):
        chunks += _response_call(call, number)
    usage = {
        "input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    done = {**response, "status": "completed", "usage": usage}
    chunks.append({"type": "response.completed", "response": done})
    return [(c["type"], {**c, "sequence_number": n}) for n, c in enumerate(chunks)]


def _response_text(text: str) -> list[dict[str, Any]]:
    at = {"item_id": "msg1", "output_index": 0, "content_index": 0}
    item = {"id": "msg1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **at, "part": part},
        *({"type": "response.output_text.delta", **at, "delta": p, "logprobs": []} for p in _pieces(text)),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": {**part, "text": text}},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "status": "completed", "content": [{**part, "text": text}]},
        },
    ]


def _response_call(call: Call, number: int) -> list[dict[str, Any]]:
    at = {"item_id": f"fc{number}", "output_index": number}
    item = {
        "id": f"fc{number}", "type": "function_call", "call_id": call.id, "name": call.name,
        "arguments": "", "status": "in_progress",
    }  # fmt: skip
    if call.namespace is not None:
        item["namespace"] = call.namespace
    kind = "response.function_call_arguments"
    return [
        {"type": "response.output_item.added", "output_index": number, "item": item},
        *({"type": f"{kind}.delta", **at, "delta": piece} for piece in _pieces(call.args)),
        {"type": f"{kind}.done", **at, "arguments": call.args, "name": call.name},
        {
            "type": "response.output_item.done",
            "output_index": number,
            "item": {**item, "arguments": call.args, "status": "completed"},
        },
    ]


def _messages(reply: Reply) -> list[Chunk]:
    message = {
        "id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1},
    }  # fmt: skip
    chunks: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    blocks: list[tuple[dict[str, Any], str, str, list[str]]] = []
    if reply.thinking:
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append((empty, "thinking_delta", "thinking", _pieces(reply.thinking)))
    if reply.text:
        blocks.append(({"type": "text", "text": ""}, "text_delta", "text", _pieces(reply.text)))
    for call in reply.calls:
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        blocks.append((block, "input_json_delta", "partial_json", _pieces(call.args)))
    for index, (block, kind, member, pieces) in enumerate(blocks):
        chunks.append({"type": "content_block_start", "index": index, "content_block": block})
        chunks += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: piece}}
            for piece in pieces
        ]
        chunks.append({"type": "content_block_stop", "index": index})
    ends = {"length": "max_tokens", "content_filter": "refusal", "pause_turn": "pause_turn"}
    stop = ends.get(reply.finish or "") or ("tool_use" if reply.calls else "end_turn")
    delta = {"stop_reason": stop, "stop_sequence": None}
    chunks += [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return [(chunk["type"], chunk) for chunk in chunks]


def _gemini(reply: Reply) -> list[Chunk]:
    def chunk(parts: list[dict[str, Any]], finish: str | None = None) -> Chunk:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        if finish is not None:
            candidate["finishReason"] = finish
        return None, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL}

    made = [{"functionCall": {"name": c.name, "args": json.loads(c.args)}} for c in reply.calls]
    ends = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
    texts = [chunk([{"text": piece}]) for piece in _pieces(reply.text)]
    return [*texts, chunk(made or [{"text": ""}], ends.get(reply.finish or "", "STOP"))]


@contextmanager
def the_only_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider while the environment has no key of another one, and a retry waits for no time to speak of."""
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(assistant, "Retrying", partial(Retrying, first=0.001))
    with Provider() as provider:
        yield provider
