"""A server that answers with JSON of another shape costs a person at a terminal one line, and no traceback."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from lobu_jupyter.cli import printing
from lobu_jupyter.cli.main import lobu, run

NOW = "2026-11-30T10:00:00Z"
THREAD = {
    "threadId": "thr_1",
    "owner": "me",
    "status": "idle",
    "title": "t",
    "createdAt": NOW,
    "updatedAt": NOW,
}
RUN = {"runId": "run_1", "threadId": "thr_1", "status": "running", "agent": "demo", "createdAt": NOW}
STARTED = {"runId": "run_1", "threadId": "thr_1", "cursor": 0}
QUESTION = {
    "id": "int_1", "threadId": "thr_1", "runId": "run_1", "reason": "approval", "message": "m",
    "toolName": "write_file", "toolCallId": "call_1", "args": {"path": "a", "content": "b"}, "diff": "--- a\n+++ b\n",
    "options": [{"id": "o", "name": "once", "kind": "allow_once"}], "risks": ["deletes"], "createdAt": NOW,
}  # fmt: skip
ITEM = {
    "what": "cell",
    "state": "restore",
    "does": "change",
    "path": "n.ipynb",
    "number": 1,
    "diff": "-a\n+b",
}
USED = {"tokens": 1, "dollars": 0.5, "seconds": 2, "unpriced": 1}
LIMITS = {"own": {"day": {"dollars": 2.0}}, "server": {"day": {"tokens": 9}}}
GRANT = {"grantId": "g_1", "tool": "run_code", "scope": "thread", "threadId": "thr_1", "createdAt": NOW}
REPLIES: dict[tuple[str, str], Any] = {
    ("GET", "health"): {"version": "1", "store": {"kind": "sqlite"}, "workers": 1, "runs": {"running": 0}},
    ("GET", "agents"): {
        "agents": [{"name": "demo", "state": "needs login", "hint": "h", "description": "d"}]
    },
    ("GET", "threads"): {"threads": [THREAD]},
    ("POST", "threads"): THREAD,
    ("GET", "threads/thr_1"): THREAD,
    ("GET", "runs"): {"runs": [RUN]},
    ("GET", "runs/run_1"): RUN,
    ("POST", "runs/run_1/cancel"): RUN,
    ("POST", "threads/thr_1/undo"): {"items": [ITEM], "digest": "d", "message": "m", "undoId": "u"},
    ("POST", "threads/thr_1/resume"): STARTED,
    ("GET", "interrupts"): {"interrupts": [QUESTION]},
    ("GET", "policy"): {"rules": {}, "grants": [GRANT]},
    ("GET", "budget"): {"used": {"day": USED, "thread": USED, "run": USED}, "limits": LIMITS},
    ("PUT", "budget"): {"limits": LIMITS},
    ("POST", "threads/thr_1/export"): {"cells": [], "metadata": {}},
    ("POST", "workers"): {"workerId": "w", "incarnation": "i", "token": "t"},
    ("POST", "threads/thr_1/runs"): STARTED,
}
READ_BY: list[tuple[tuple[str, str], list[str]]] = [
    (("GET", "agents"), ["doctor"]),
    (("GET", "agents"), ["agents"]),
    (("POST", "threads/thr_1/undo"), ["undo", "thr_1", "--yes"]),
    (("GET", "interrupts"), ["inbox"]),
    (("GET", "interrupts"), ["approve", "thr_1", "--option", "o"]),
    (("GET", "policy"), ["grants"]),
    (("GET", "policy"), ["grants", "revoke", "abcd"]),
    (("GET", "budget"), ["budget"]),
    (("PUT", "budget"), ["budget", "--set", "day.dollars=2"]),
    (("POST", "workers"), ["exec", "--", "true"]),
]
ODD: tuple[Any, ...] = (None, [], {}, "\x1b[2J", 7, [7])


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all members of a JSON value, the whole first."""
    yield ()
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        for path in places(member):
            yield (key, *path)


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of `value` with `odd` at `path`, or without that member if `odd` is Ellipsis."""
    if not path:
        return odd
    copied = copy.deepcopy(value)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    if odd is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = odd
    return copied


class _Server(ThreadingHTTPServer):
    replies: dict[tuple[str, str], Any]


@pytest.fixture
def odd_server() -> Iterator[_Server]:
    class Odd(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path.removeprefix("/lobu/api/")
            reply = self.server.replies.get((self.command, path), {})  # type: ignore[attr-defined]
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    server = _Server(("127.0.0.1", 0), Odd)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize(("of", "command"), READ_BY, ids=[f"{of[1]} of {' '.join(c)}" for of, c in READ_BY])
def test_a_reply_of_another_shape_is_one_line(
    of: tuple[str, str],
    command: list[str],
    odd_server: _Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LOBU_URL", f"http://127.0.0.1:{odd_server.server_address[1]}/")
    monkeypatch.setenv("LOBU_TOKEN", "t")
    monkeypatch.setitem(lobu.context_settings, "color", True)
    monkeypatch.setattr(printing, "at_terminal", lambda: True)

    found: list[str] = []
    for path in places(REPLIES[of]):
        for odd in (*ODD, *((...,) if path else ())):
            odd_server.replies = {**REPLIES, of: changed(REPLIES[of], path, odd)}
            try:
                code: Any = run(list(command))
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- any of them is a traceback at a terminal
                code = repr(error)
            out, err = capfd.readouterr()
            if code not in (0, 1, 2) or "Traceback" in err or not (out or err) or "\x1b[2J" in out + err:
                found.append(f"{path} = {odd!r}: {code}")
    assert found == []
