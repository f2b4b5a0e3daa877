"""A question of this server to a kernel: which of some names it does not define. It runs no code of anybody."""

from __future__ import annotations

import ast
import asyncio
from queue import Empty
from typing import Any, cast
from uuid import uuid4

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session

ANSWER_SECONDS = 1.0
_ASK = "[n for n in {names!r} if n not in __import__('IPython').get_ipython().user_ns]"


def question(names: list[str]) -> dict[str, Any]:
    """Return the content of an execute request that asks for the undefined names, and leaves no trace."""
    return {
        "code": "",
        "silent": True,
        "store_history": False,
        "allow_stdin": False,
        "stop_on_error": False,
        "user_expressions": {"lobu": _ASK.format(names=names)},
    }


def answer(content: dict[str, Any], names: list[str]) -> list[str] | None:
    """Return the undefined names that a reply tells, or None if it tells none."""
    told = content.get("user_expressions", {}).get("lobu", {})
    text = told.get("data", {}).get("text/plain") if told.get("status") == "ok" else None
    try:
        found: Any = ast.literal_eval(text) if isinstance(text, str) else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return [name for name in names if name in found] if isinstance(found, list) else None


async def undefined(connection: dict[str, Any], names: list[str]) -> list[str] | None:
    """Ask the kernel at `connection` (jupyter_client's connection info). None: it is busy, or no IPython."""
    client = AsyncKernelClient(session=Session(session=f"lobu-asks-{uuid4().hex}"))
    client.load_connection_info(cast("Any", connection))
    client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            request = client.session.msg("execute_request", question(names))
            client.shell_channel.send(request)
            while True:
                reply: dict[str, Any] = await client.get_shell_msg(timeout=ANSWER_SECONDS)
                if reply["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                    return answer(reply["content"], names)
    except (TimeoutError, Empty):
        return None
    finally:
        client.stop_channels()
        client.context.destroy(linger=0)
