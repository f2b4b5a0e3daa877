"""The worker process: ``python -m lobu_jupyter.worker``, started by the server with one JSON line on stdin.

``{"url": base of lobu/api/, "ticket", "verify", "settings"}``; stdin then stays open. When it closes,
or the parent dies, this process is gone at once: nothing here outlives the server.
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
    """Exit code 0: told to stop. 1: the server is gone, or does not know this worker."""
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
    """On Linux the kernel kills us when the parent is killed, also where someone else holds our stdin."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def keep_memory_private() -> None:
    """On Linux, refuse other processes of the same user a look into our memory, where the model keys are."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
