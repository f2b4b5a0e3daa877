"""A hostile server, agent or notebook path does not move the cursor of the person at a terminal."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import lobu_jupyter.cli
from lobu_jupyter.cli import printing
from lobu_jupyter.cli.exec.child import CommandProcess
from lobu_jupyter.cli.main import lobu, run
from lobu_jupyter.cli.markdown import MarkdownScreen
from lobu_jupyter.model.visible import hidden

EVIL = "x\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\u200b\x7f\r"
OURS = re.compile(r"\x1b\[[0-9;]*m")  # the styles of our own lines
THREAD = {
    "threadId": EVIL, "title": EVIL, "name": EVIL, "status": "idle", "cursor": 0, "createdAt": EVIL,
    "updatedAt": EVIL, "notebookPath": EVIL, "kernelId": EVIL, "archived": False, "owner": EVIL,
}  # fmt: skip
ERROR = {"error": {"code": EVIL, "message": EVIL, "field": EVIL}}
HOSTILE = {
    "an error of ours": (418, json.dumps(ERROR).encode()),
    "an error of no form": (500, EVIL.encode()),
    "no JSON": (200, EVIL.encode()),
    "too deep": (200, b"[" * 100_000),
    "lists": (
        200,
        json.dumps(
            {
                "threads": [THREAD],
                "agents": [{"name": EVIL, "description": EVIL}],
                "runs": [],
                "used": {},
                "limits": {"own": {}, "server": {}},
                EVIL: EVIL,
            }
        ).encode(),
    ),
}
COMMANDS = (
    ["threads"], ["threads", "--json"], ["agents"], ["agents", "--json"], ["runs"], ["inbox"], ["inbox", "--json"],
    ["approve"], ["reject"], ["answer", "thr_1", "x"], ["cancel", "run_1"], ["undo", "thr_1"], ["grants"],
    ["grants", "revoke", "grant_1"], ["budget"], ["export", "thr_1"], ["doctor"], ["doctor", "--json"],
    ["chat", "--thread", "t", "hello"], ["chat", "--json", "hello"], ["exec", "--", "true"],
)  # fmt: skip


@pytest.fixture
def hostile() -> Iterator[ThreadingHTTPServer]:
    class Hostile(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = self.server.reply  # type: ignore[attr-defined]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize("reply", HOSTILE)
def test_no_reply_of_a_server_reaches_the_terminal_as_it_is(
    reply: str,
    hostile: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hostile.reply = HOSTILE[reply]  # type: ignore[attr-defined]
    monkeypatch.setenv("LOBU_URL", f"http://127.0.0.1:{hostile.server_address[1]}/")
    monkeypatch.setenv("LOBU_TOKEN", "t")
    monkeypatch.setitem(lobu.context_settings, "color", True)  # as at a terminal: click strips nothing
    monkeypatch.setattr(printing, "at_terminal", lambda: True)

    for command in COMMANDS:
        code = run(list(command))
        out, err = capfd.readouterr()

        assert code in (0, 1, 2), command
        assert out or err, command
        assert hidden(OURS.sub("", out + err)) == {}, (command, out, err)


def test_an_entity_of_markdown_hides_nothing_at_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = MarkdownScreen()
    screen.feed("a &#x202e;b &ZeroWidthSpace;`c` [d&rlm;](http://e/)\n\n")
    screen.close()

    out = capsys.readouterr().out
    assert hidden(OURS.sub("", out)) == {}
    assert "\\u202e" in out


async def test_what_a_command_prints_as_errors_is_shown_with_escapes(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Also a character that comes in two pieces. A carriage return begins a line, so that nothing is overwritten."""
    monkeypatch.setitem(lobu.context_settings, "color", True)
    code = (
        "import os, time; os.write(2, b'\\x1b]0;owned\\x07\\xc2'); time.sleep(0.3); "
        "os.write(2, b'\\x9b2J one\\rtwo\\r\\n\\xe2\\x80\\xae\\xff')"
    )

    child = await CommandProcess.start([sys.executable, "-c", code], dict(os.environ))
    assert [line async for line in child.lines()] == []
    assert await child.end() == 0
    await child.close()

    shown = capfdbinary.readouterr().err.decode()
    assert shown == "\\x1b]0;owned\\x07\\x9b2J one\ntwo\n\\u202e\ufffd"


def test_what_is_printed_goes_through_one_function() -> None:
    """Only constants are printed in another way than by `put_line`, which shows hidden characters."""
    folder = Path(lobu_jupyter.cli.__file__).parent
    found = [
        f"{file.name}:{node.lineno}"
        for file in folder.rglob("*.py")
        if file.name not in ("printing.py", "completion.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (
            ast.unparse(node.func) in ("click.echo", "click.secho", "print")
            or ast.unparse(node.func).startswith(("sys.stdout", "sys.stderr"))
        )
        and node.args
        and not isinstance(node.args[0], ast.Constant)
    ]
    assert found == []
