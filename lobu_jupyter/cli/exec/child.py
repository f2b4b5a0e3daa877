"""The command of an exec: its lines, its end, and its complete removal.

The command has a session of its own, so that a signal for us reaches it only through us, and all that it
started is killed with it. On Linux it is killed when we are.
"""

from __future__ import annotations

import asyncio
import codecs
import ctypes
import io
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from lobu_jupyter.cli.printing import put_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LINE_BYTES = 4 * 1024 * 1024
"""Bytes of a line. A longer line fails the run, because nothing is dropped."""
GRACE_SECONDS = 5.0
_EOF_SECONDS = 2.0
_TAIL_BYTES = 4000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before a fork


class LineTooLong(Exception):
    """The failure of a command that printed a line longer than LINE_BYTES."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """asyncio's own protocol, which also signals the exit while another process still holds the pipes."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class CommandProcess:
    """A running command. Its standard error is printed on ours, with hidden characters as escapes."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport, self._exited = transport, protocol.exited
        self._stdout, self._stderr = protocol.stdout, protocol.stderr
        self._tail = b""
        self._stopping: asyncio.Task[None] | None = None
        self._errors = asyncio.create_task(self._copy_errors(), name="stderr")

    @classmethod
    async def start(cls, command: Sequence[str], env: dict[str, str]) -> CommandProcess:
        """Start a command with this environment and our standard input.

        Raises:
            OSError: there is no such program, or it may not be run.
        """
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(LINE_BYTES, loop),
            *command,
            stdin=None,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            start_new_session=True,
            preexec_fn=_die_with_us,
        )
        return cls(transport, protocol)

    async def lines(self) -> AsyncIterator[str]:
        """Yield its lines. They end with the command, even if a process that it left holds its output.

        Raises:
            LineTooLong: one is longer than LINE_BYTES.
        """
        ended = asyncio.create_task(self._exited.wait(), name="end")
        try:
            while line := await self._line(ended):
                yield line.decode(errors="replace").rstrip("\r\n")
        finally:
            ended.cancel()

    async def _line(self, ended: asyncio.Task[bool]) -> bytes:
        assert self._stdout is not None
        reading = asyncio.create_task(self._stdout.readline(), name="line")
        try:
            await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({reading}, timeout=_EOF_SECONDS if ended.done() else None)
            return reading.result() if reading.done() else b""
        except ValueError as error:
            raise LineTooLong from error
        finally:
            reading.cancel()

    async def end(self) -> int:
        """Wait for its end, and return the exit code, negative for a signal."""
        await self._exited.wait()
        await asyncio.wait({self._errors}, timeout=_EOF_SECONDS)
        code = self._transport.get_returncode()
        assert code is not None, "it has exited"
        return code

    @property
    def errors(self) -> str:
        """The tail of its standard error."""
        return self._tail.decode(errors="replace").strip()

    def stop(self) -> None:
        """Terminate it, and kill what is left after GRACE_SECONDS."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name="stop")

    async def close(self) -> None:
        """Kill it and all that it started."""
        self._signal(signal.SIGKILL)
        await self._exited.wait()
        self._transport.close()
        for task in (self._stopping, self._errors):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _stop(self) -> None:
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._exited.wait()
        self._signal(signal.SIGKILL)

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), which)

    async def _copy_errors(self) -> None:
        assert self._stderr is not None
        text = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
        while data := await self._stderr.read(64 * 1024):
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
            put_line(text.decode(data), err=True, nl=False)
        put_line(text.decode(b"", final=True), err=True, nl=False)


def _die_with_us() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
