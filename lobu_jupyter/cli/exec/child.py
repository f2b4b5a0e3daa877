"""The command that an exec runs: its lines, its end, and that nothing of it is left.

It has a session of its own, so that a signal for us reaches it only through us, and all that it started
goes with it. Where the system can, it is killed when we are.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LINE_BYTES = 4 * 1024 * 1024
"""A longer line fails the run: what cannot be kept is not dropped."""
GRACE_SECONDS = 5.0
_EOF_SECONDS = 2.0
_TAIL_BYTES = 4000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before a fork


class LineTooLong(Exception):
    """The command printed a line that is longer than a line may be."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """asyncio's own, which also tells of the exit while something else still holds the pipes."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Child:
    """One running command. Its standard error goes to ours."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport, self._exited = transport, protocol.exited
        self._stdout, self._stderr = protocol.stdout, protocol.stderr
        self._tail = b""
        self._stopping: asyncio.Task[None] | None = None
        self._errors = asyncio.create_task(self._copy_errors(), name="stderr")

    @classmethod
    async def start(cls, command: Sequence[str], env: dict[str, str]) -> Child:
        """Start it with this environment; standard input is ours.

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
        """Its lines; they end with it, also where something that it left behind holds its output.

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
        """Its exit code, negative for a signal."""
        await self._exited.wait()
        await asyncio.wait({self._errors}, timeout=_EOF_SECONDS)
        code = self._transport.get_returncode()
        assert code is not None, "it has exited"
        return code

    @property
    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        return self._tail.decode(errors="replace").strip()

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name="stop")

    async def close(self) -> None:
        """End it and all that it started, now."""
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
        while data := await self._stderr.read(64 * 1024):
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()


def _die_with_us() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
