"""A stand-in for a model's server, to try the lane itself: it speaks the wire of llama.cpp's server, and is no model.

It knows the lane's prompts, and answers each as a model should. ``wrong`` names a check that it answers wrongly.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "stand-in, not a model"
CONTEXT = 8192
CHARACTERS = 4  # a token


@dataclass
class StandIn:
    """The server. ``dropped``: set when its client closed the connection before the answer's end."""

    url: str = ""
    wrong: str = ""
    dropped: threading.Event = field(default_factory=threading.Event)


def answer(body: dict[str, Any], wrong: str) -> tuple[str, tuple[str, dict[str, Any]] | None]:
    """Return the text and the call that a request is answered with."""
    asked = next(m["content"] for m in reversed(body["messages"]) if m["role"] == "user")
    asked = asked if isinstance(asked, str) else "".join(part.get("text", "") for part in asked)
    last = body["messages"][-1]
    result = last["content"] if last["role"] == "tool" else None
    if "list_variables" in asked and wrong != "tool call":
        return (f"Your notebook has {result}", None) if result else ("", ("list_variables", {}))
    if "run_code" in asked and wrong != "approval":
        return ("It is 42.", None) if result else ("", ("run_code", {"code": "print(zebra_count * 6)"}))
    if "Count from 1 to" in asked:
        most = int(asked.split("Count from 1 to ")[1].split(",")[0])
        return "\n".join(str(n) for n in range(1, 10 if wrong == "long answer" else most + 1)), None
    if "alphabet" in asked:
        return "abcdefghijklmnopqrstuvwxyz " * 10, None
    return "" if wrong == "greeting" else "Hello, yes.", None


def chunks_of(
    text: str, call: tuple[str, dict[str, Any]] | None, limit: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the stream's chunks, with its usage in the last one, as ``stream_options.include_usage`` asks for."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": NAME}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": None})
    pieces = [text[i : i + CHARACTERS] for i in range(0, len(text), CHARACTERS)]
    for piece in pieces[:limit]:
        yield chunk({"content": piece})
    if call is not None:
        name, args = call
        function = {"name": name, "arguments": ""}
        yield chunk({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]})
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": json.dumps(args)}}]})
    cut = limit is not None and len(pieces) > limit
    yield chunk({}, "tool_calls" if call else "length" if cut else "stop")
    usage = {"prompt_tokens": 100, "completion_tokens": len(pieces), "total_tokens": 100 + len(pieces)}
    yield {**head, "choices": [], "usage": usage}


@contextmanager
def standing_in(wrong: str = "") -> Iterator[StandIn]:
    stand_in = StandIn(wrong=wrong)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"/v1/models": {"object": "list", "data": [{"id": NAME, "object": "model"}]},
                    "/props": {"default_generation_settings": {"n_ctx": CONTEXT}}}.get(self.path)  # fmt: skip
            self._json(200 if told else 404, told or {"error": {"code": 404, "message": "File Not Found"}})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent = len(json.dumps(body["messages"])) // CHARACTERS
            if sent > CONTEXT and stand_in.wrong != "context overflow":
                message = f"request ({sent} tokens) exceeds the available context size ({CONTEXT} tokens), try increasing it"
                self._json(400, {"error": {"code": 400, "message": message, "type": "exceed_context_size_error",
                                           "n_prompt_tokens": sent, "n_ctx": CONTEXT}})  # fmt: skip
                return
            if stand_in.wrong == "cancel" and "Say yes" in json.dumps(body["messages"][-1]):
                self._json(
                    400, {"error": {"code": 400, "message": "busy with another answer", "type": "busy"}}
                )
                return
            limit = body.get("max_completion_tokens") or body.get("max_tokens")
            limit = None if stand_in.wrong == "finish reason length" else limit
            self._stream(
                chunks_of(*answer(body, stand_in.wrong), limit),
                slow="3000" in json.dumps(body["messages"][-1]),
            )

        def _stream(self, chunks: Iterator[dict[str, Any]], *, slow: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for chunk in chunks:
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                    if slow:
                        stand_in.dropped.wait(0.05)  # as long as a model takes for a token
                self.wfile.write(b"data: [DONE]\n\n")
            except (BrokenPipeError, ConnectionResetError):
                stand_in.dropped.set()

        def _json(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
