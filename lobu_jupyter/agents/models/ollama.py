"""The context that an Ollama server really gives a model: `num_ctx`, often far below what the model could take.

Ollama cuts a longer prompt in silence. Its API tells the size: of a loaded model (``GET /api/ps``, context_length), or
as the model's own parameter (``POST /api/show``, num_ctx).
"""

from __future__ import annotations

import logging
import re
from typing import Any

import httpx

SECONDS = 2.0
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)

log = logging.getLogger(__name__)


def window_of(base_url: str, model: str, api_key: str | None = None) -> int | None:
    """Return the size of the model's context in tokens, or None if the server does not tell it. Blocks.

    ``base_url``: of the OpenAI-compatible API, with or without ``/v1``.
    """
    root = base_url.rstrip("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with httpx.Client(timeout=SECONDS, headers=headers) as http:
            return _loaded(_json(http.get(f"{root}/api/ps")), model) or _configured(
                _json(http.post(f"{root}/api/show", json={"model": model}))
            )
    except httpx.HTTPError as error:
        log.info("Ollama does not tell the context of %s: %s", model, error)
        return None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json() if response.status_code == 200 else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _loaded(answer: dict[str, Any], model: str) -> int | None:
    names = {model, f"{model}:latest"}
    for one in answer.get("models") or []:
        length = one.get("context_length") if isinstance(one, dict) else None
        if isinstance(length, int) and length > 0 and {one.get("name"), one.get("model")} & names:
            return length
    return None


def _configured(answer: dict[str, Any]) -> int | None:
    found = _NUM_CTX.search(str(answer.get("parameters") or ""))
    return int(found[1]) if found else None
