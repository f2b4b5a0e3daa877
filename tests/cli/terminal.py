"""A person at a terminal: runs `lobu` command lines against a server, in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from lobu_jupyter.cli.main import run
from tests.servers import RealServer


@dataclass
class Printed:
    """What a command did: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class _Keyboard(io.StringIO):
    """Standard input with what a person types."""

    def isatty(self) -> bool:
        return True


class Terminal:
    """One server's terminal."""

    def __init__(
        self, server: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.server = server
        self._monkeypatch, self._capfd = monkeypatch, capfd
        self.name(server.url, server.token)

    def name(self, url: str, token: str) -> None:
        """Name the server by the environment."""
        self._monkeypatch.setenv("LOBU_URL", url)
        self._monkeypatch.setenv("LOBU_TOKEN", token)

    def __call__(self, *arguments: str, typed: str | None = None, piped: str = "") -> Printed:
        """Run one command line here; `typed`: at a terminal, else `piped` is standard input."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(piped) if typed is None else _Keyboard(typed))
        self._capfd.readouterr()
        code = run(list(arguments))
        out, err = self._capfd.readouterr()
        return Printed(code, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one command line in a process of its own; the caller waits for it."""
        return subprocess.Popen(
            [sys.executable, "-c", "from lobu_jupyter.cli.main import main; main()", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ),
            start_new_session=True,
        )
