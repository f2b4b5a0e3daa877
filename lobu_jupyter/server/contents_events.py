"""Jupyter's contents events as they concern notebooks: one moved, was deleted, or another took its path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.handlers import ContentsHandler

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from lobu_jupyter.gateway import Gateway


async def tell_contents(gateway: Gateway, data: dict[str, Any], handler: Any, owner: str | None) -> None:
    """Pass on what happened. ``handler``: of the request that did it; ``owner``: None if nobody knows whose."""
    path, action = _plain(data.get("path")), data.get("action")
    if not path:
        return
    if action == "rename":
        await gateway.threads.notebook_moved(_plain(data.get("source_path")), path, owner=owner)
    elif action == "delete":
        await gateway.threads.notebook_gone(path, "deleted", owner=owner)
    elif action in ("upload", "copy", "create") or (action == "save" and _is_new(handler)):
        await gateway.threads.notebook_gone(path, "replaced", owner=owner)


def _plain(path: Any) -> str:
    return path.strip("/") if isinstance(path, str) else ""


def _is_new(handler: Any) -> bool:
    """Return whether a save put another file in this place: a POST always makes one, and JupyterLab uploads as base64.

    Every other save is of the same notebook, for all that its event tells.
    """
    if not isinstance(handler, ContentsHandler):
        return False
    request: HTTPServerRequest = handler.request
    return request.method == "POST" or (request.method == "PUT" and _is_upload(request.body))


def _is_upload(body: bytes) -> bool:
    if b"base64" not in body:  # so that a notebook is not parsed at each of its saves
        return False
    try:
        model = json.loads(body)
    except ValueError:
        return False
    return isinstance(model, dict) and model.get("format") == "base64"  # pyright: ignore[reportUnknownMemberType]
