"""openapi.json: the OpenAPI 3.1 document of these routes, kept as YAML beside the code."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import yaml
from jupyter_server.auth.decorator import authorized
from tornado import web

from ..base import LobuHandler


@cache
def document() -> bytes:
    """The document as JSON. Read once."""
    text = (Path(__file__).parents[1] / "openapi.yaml").read_text(encoding="utf-8")
    return json.dumps(yaml.safe_load(text)).encode()


class OpenApi(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.finish(document())


ROUTES = [("openapi.json", OpenApi)]
