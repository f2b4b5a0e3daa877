"""A server extension of the benchmark: how late the server's loop is, in ms, at ``GET bench/stall``."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

STEP = 0.002


class Stall(JupyterHandler):
    """The worst lateness since it was last asked."""

    _track_activity = False

    @web.authenticated
    async def get(self) -> None:
        probe: Probe = self.settings["bench_probe"]
        self.finish({"ms": probe.worst * 1000})
        probe.worst = 0.0


class Probe:
    worst = 0.0

    async def watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(STEP)
            self.worst = max(self.worst, time.monotonic() - began - STEP)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "bench.probe"}]


def _load_jupyter_server_extension(app: Any) -> None:
    probe = app.web_app.settings["bench_probe"] = Probe()
    app.web_app.add_handlers(".*$", [(app.base_url + "bench/stall", Stall)])
    app.io_loop.add_callback(lambda: setattr(probe, "task", asyncio.ensure_future(probe.watch())))
