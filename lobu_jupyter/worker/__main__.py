"""The worker process: ``python -m lobu_jupyter.worker``, started by the server with one JSON line on stdin.

The line is ``{"url": base of lobu/api/, "ticket", "verify", "settings"}``. Stdin then stays open. When it
closes, or the parent dies, this process exits at once: nothing here outlives the server.
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
from typing import Any

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.logs import keep_addresses_out_of_logs

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def main() -> int:
    """Return the exit code: 0 if the server stopped this worker, 1 if it is gone or refuses this worker."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    keep_addresses_out_of_logs()
    _die_with_parent()
    keep_memory_private()
    line = sys.stdin.buffer.readline()
    if not line:
        return 1
    threading.Thread(target=_exit_at_end_of_stdin, name="stdin", daemon=True).start()
    return asyncio.run(_serve(json.loads(line)))


async def _serve(greeting: dict[str, Any]) -> int:
    from .gateway_link import Link
    from .host import Host

    link = Link(greeting["url"], greeting["ticket"], verify=greeting.get("verify", True))
    try:
        await Host(link, greeting.get("settings") or {}).serve()
    except* (ServerGone, LobuError) as errors:
        logging.getLogger(__name__).warning("the worker ends: %s", errors.exceptions[0])
        return_code = 1
    else:
        return_code = 0
    finally:
        await link.close()
    return return_code


def _exit_at_end_of_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1024):  # not through sys.stdin: a lock held at shutdown is fatal
        pass
    os._exit(0)  # at once: threads of agents and sockets must not keep a worker without a server


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
