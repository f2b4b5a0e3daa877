"""Terminals of an ACP agent: commands that it runs through us, with bounded output, ended with it at the latest."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from acp import RequestError
from acp.schema import TerminalExitStatus, TerminalOutputResponse, WaitForTerminalExitResponse

from lobu_jupyter.agents.processes import leashed
from lobu_jupyter.model.environment import passed_on
from lobu_jupyter.model.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_OUTPUT = 1_000_000
MOST_TERMINALS = 20
STOP_SECONDS = 3.0
_CHUNK = 64 * 1024


class Terminal:
    """One command. The last ``limit`` bytes of its output are kept."""

    def __init__(self, process: asyncio.subprocess.Process, limit: int) -> None:
        self._process, self._limit = process, limit
        self._kept, self._truncated = b"", False
        self._ended = asyncio.create_task(self._read(), name=f"terminal {process.pid}")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(_CHUNK):
            self._kept += data
            if len(self._kept) > self._limit:
                self._truncated = True
                self._kept = self._kept[-self._limit :] if self._limit else b""
        await self._process.wait()

    @property
    def text(self) -> str:
        """Return the kept output, from the first whole character."""
        kept = self._kept
        while self._truncated and kept and kept[0] & 0xC0 == 0x80:  # the rest of a character that was cut
            kept = kept[1:]
        return kept.decode(errors="replace")

    @property
    def truncated(self) -> bool:
        return self._truncated

    def status(self) -> tuple[int | None, str | None] | None:
        """Return exit code and signal, None while the command runs."""
        code = self._process.returncode
        if code is None or not self._ended.done():
            return None
        number = code - 128 if code > 128 else -code
        named = number in {int(known) for known in signal.Signals}
        return (None, signal.Signals(number).name) if code and named and number > 0 else (abs(code), None)

    async def wait(self) -> tuple[int | None, str | None]:
        await asyncio.shield(self._ended)
        return self.status() or (None, None)

    async def end(self) -> None:
        """Stop the command and all that it started. Its output stays."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()  # the leash, which kills all
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        _, late = await asyncio.wait({self._ended}, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()


class Terminals:
    """The terminals of one agent process, by id. ``cwd``: their default directory.

    ``inherit``: variables that they get beside the usual ones. They do not get the ones that the configuration sets
    for the agent itself, such as its key.
    """

    def __init__(self, cwd: str, inherit: Sequence[str] = ()) -> None:
        self.cwd, self._inherit = cwd, inherit
        self._all: dict[str, Terminal] = {}

    def environment(self, env: dict[str, str]) -> dict[str, str]:
        """Return all variables of a command for which the agent sets `env`."""
        return {**passed_on(os.environ, self._inherit), **env}

    async def start(self, argv: list[str], cwd: str, params: dict[str, Any]) -> str:
        """Run `argv`, whose first word is the program's path, and return the id of its terminal.

        Raises:
            OSError: the directory is not there.
            RequestError: too many are open.
        """
        if len(self._all) >= MOST_TERMINALS:
            raise RequestError.invalid_request(
                {"details": f"{MOST_TERMINALS} terminals are open; release some"}
            )
        process = await asyncio.create_subprocess_exec(
            *leashed(argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment(params["env"]),
            cwd=cwd,
            start_new_session=True,
        )
        limit = params["limit"]
        name = new_id("term")
        self._all[name] = Terminal(process, MOST_OUTPUT if limit is None else min(limit, MOST_OUTPUT))
        return name

    def get(self, name: str) -> Terminal:
        if name not in self._all:
            raise RequestError.resource_not_found(name)
        return self._all[name]

    def text(self, name: str) -> str:
        """Return the output of a terminal, empty if it was released."""
        return self._all[name].text if name in self._all else ""

    def output(self, name: str) -> TerminalOutputResponse:
        terminal = self.get(name)
        ended = terminal.status()
        status = None if ended is None else TerminalExitStatus(exit_code=ended[0], signal=ended[1])
        return TerminalOutputResponse(output=terminal.text, truncated=terminal.truncated, exit_status=status)

    async def wait(self, name: str) -> WaitForTerminalExitResponse:
        code, by = await self.get(name).wait()
        return WaitForTerminalExitResponse(exit_code=code, signal=by)

    async def kill(self, name: str) -> None:
        await self.get(name).end()

    async def release(self, name: str) -> None:
        await self.get(name).end()
        self._all.pop(name, None)

    async def close(self) -> None:
        ending, self._all = list(self._all.values()), {}
        await asyncio.gather(*(terminal.end() for terminal in ending))
