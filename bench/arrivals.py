"""A server extension of the benchmark: when the server took in which event, at ``GET bench/arrivals``.

The yardsticks make their events in the process that journals them, so they are stamped where they are
taken in; ours come from a worker, and are stamped there. Both stamps are CLOCK_MONOTONIC in ns.
"""

from __future__ import annotations

import time
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from lobu_jupyter.server.api import workers

from .workload import STAMP

_arrived: dict[str, int] = {}


class Arrivals(JupyterHandler):
    """``{worker's stamp: when its message was read}`` of all that came since it was last asked."""

    _track_activity = False

    @web.authenticated
    async def get(self) -> None:
        self.finish(dict(_arrived))
        _arrived.clear()


class Socket(workers.WorkerSocketHandler):
    """The worker's socket, which first notes the time."""

    async def on_message(self, message: str | bytes) -> None:
        now = time.monotonic_ns()
        raw = message.encode() if isinstance(message, str) else message
        _arrived.update(dict.fromkeys((stamp.decode() for stamp in STAMP.findall(raw)), now))
        await super().on_message(message)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "bench.arrivals"}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.add_handlers(".*$", [
        (app.base_url + "bench/arrivals", Arrivals),
        (app.base_url + r"lobu/api/workers/([^/]+)/socket", Socket),
    ])  # fmt: skip
