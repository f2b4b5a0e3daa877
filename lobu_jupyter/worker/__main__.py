"""The worker process: ``python -m lobu_jupyter.worker``, started by the server with one JSON line on stdin.

The line is ``{"url": base of lobu/api/, "ticket", "verify", "certificate", "settings"}``; ``certificate`` is null, or
the files of a certificate and its key that the server wants to see. Stdin then stays open. Each later line is
``{"settings"}``, which replace those before. When stdin closes, or the parent dies, this process exits at once: nothing
here outlives the server.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents import tracing
from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.client.tls import context_of
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.logs import keep_addresses_out_of_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .host import Host

FLUSH_SECONDS = 1.0  # for the last spans; the parent waits three for this process to end

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def main() -> int:
    """Return the exit code: 0 if the server stopped this worker, 1 if it is gone or refuses this worker."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    keep_addresses_out_of_logs()
    _die_with_parent()
    keep_memory_private()
    lines = _lines(sys.stdin.fileno())
    line = next(lines, None)
    if line is None:
        return 1
    code = asyncio.run(_serve(json.loads(line), lines))
    tracing.flush(FLUSH_SECONDS)
    return code


async def _serve(greeting: dict[str, Any], lines: Iterator[bytes]) -> int:
    loop = asyncio.get_running_loop()
    hosts: asyncio.Future[Host] = loop.create_future()
    threading.Thread(target=_follow_stdin, args=(lines, loop, hosts), name="stdin", daemon=True).start()
    from lobu_jupyter.agents import guardrails
    from lobu_jupyter.agents.models.keys import redactor_of

    from .gateway_link import Link
    from .host import Host

    verify, certificate = greeting.get("verify", True), greeting.get("certificate")
    verify = context_of(verify, *certificate) if certificate else verify
    link = Link(greeting["url"], greeting["ticket"], verify=verify)
    try:
        settings: dict[str, Any] = greeting.get("settings") or {}
        tracing.configure(settings.get("traces"), redactor_of(settings))
        guardrails.configure(settings.get("guardrails"), redactor_of(settings))
        host = Host(link, settings)
        hosts.set_result(host)
        await host.serve()
    except* (ServerGone, LobuError) as errors:
        logging.getLogger(__name__).warning("the worker ends: %s", errors.exceptions[0])
        return_code = 1
    else:
        return_code = 0
    finally:
        await link.close()
    return return_code


def _lines(handle: int) -> Iterator[bytes]:
    """Yield the lines of a pipe. Not through sys.stdin: a lock held at shutdown is fatal."""
    rest = b""
    while piece := os.read(handle, 64 * 1024):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _follow_stdin(
    lines: Iterator[bytes], loop: asyncio.AbstractEventLoop, host: asyncio.Future[Host]
) -> None:
    """Pass on each change of the settings. At the end of stdin, end the process."""
    for line in lines:
        settings = json.loads(line)["settings"]
        with suppress(RuntimeError):  # the loop has ended, and so does the process
            loop.call_soon_threadsafe(_reconfigure, host, settings)
    tracing.flush(FLUSH_SECONDS)
    os._exit(0)  # at once: threads of agents and sockets must not keep a worker without a server


def _reconfigure(host: asyncio.Future[Host], settings: dict[str, Any]) -> None:
    host.add_done_callback(lambda found: found.result().reconfigure(settings))


def _die_with_parent() -> None:
    """Have Linux kill us when the parent is killed, even if another process holds our stdin."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def keep_memory_private() -> None:
    """On Linux, keep other processes of this user from reading our memory, which holds the model keys."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
