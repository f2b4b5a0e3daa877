"""openapi.json: the OpenAPI 3.1 document of these routes, kept as YAML beside the code."""

from __future__ import annotations

import asyncio
import json
from functools import cache

import yaml
from jupyter_server.auth.decorator import authorized
from tornado import web

from lobu_jupyter.server import openapi_path
from lobu_jupyter.server.handler import LobuHandler


@cache
def document() -> bytes:
    """Return the document as JSON. It is read once."""
    return json.dumps(yaml.safe_load(openapi_path().read_text(encoding="utf-8"))).encode()


class OpenApiHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.finish(await asyncio.to_thread(document))  # parsing the YAML takes a tenth of a second


ROUTES = [("openapi.json", OpenApiHandler)]
