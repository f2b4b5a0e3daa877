"""A real model's address, as the environment gives it: any service that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
from dataclasses import dataclass

import httpx

URL, MODEL, KEY = "LOBU_TEST_MODEL_URL", "LOBU_TEST_MODEL", "LOBU_TEST_MODEL_KEY"
HOW = f"""\
Set {URL} to the address of a model, as in
    llama-server --model MODEL.gguf --jinja --port 8080      # or any other that speaks OpenAI's chat completions
    export {URL}=http://127.0.0.1:8080/v1
{MODEL} names one of several models, and {KEY} is a key, if the service wants one."""


@dataclass(frozen=True)
class Endpoint:
    url: str
    model: str
    key: str


def endpoint() -> Endpoint | None:
    """Return the model's address of the environment, None if there is none.

    Raises:
        SystemExit: nothing answers there, or it lists no model.
    """
    url = os.environ.get(URL, "").rstrip("/")
    if not url:
        return None
    key = os.environ.get(KEY) or "none"
    return Endpoint(url, os.environ.get(MODEL) or _first(url, key), key)


def _first(url: str, key: str) -> str:
    try:
        reply = httpx.get(f"{url}/models", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        return str(reply.raise_for_status().json()["data"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise SystemExit(
            f"{URL}={url} lists no model at {url}/models: {error!r}. Set {MODEL} to name one."
        ) from error
