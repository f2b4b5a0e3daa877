"""Agents in notebooks whose runs survive reload, restart and doubt."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction] - Jupyter calls it
    from .server.app import LobuApp  # late: a kernel that imports us needs no server

    return [{"module": "lobu_jupyter.server.app", "app": LobuApp}]
