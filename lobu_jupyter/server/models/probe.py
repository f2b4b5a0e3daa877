"""Real requests to a provider for its list of models: to test a connection, and to find models on this machine.

A request is bounded in time and size, and follows no redirect, which would carry the key elsewhere. A reply is read
for names of models only. No other text of it is passed on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.redaction import REDACTED

from .saved import MAX_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from lobu_jupyter.agents.models.catalog import Kind

SECONDS = 10.0
NEAR_SECONDS = 2.0
MAX_REPLY = 4 * 1024 * 1024
MAX_NAME = 200

LOCAL: dict[str, tuple[str, Kind, int]] = {
    "ollama": ("Ollama", "ollama", 11434),
    "vllm": ("vLLM", "openai", 8000),
    "lmstudio": ("LM Studio", "openai", 1234),
    "llamacpp": ("llama.cpp", "openai", 8080),
}
"""Servers of models by name: label, protocol and usual port."""

_NO_CHAT = (
    "audio",
    "dall-e",
    "embedding",
    "image",
    "instruct",
    "moderation",
    "realtime",
    "tts",
    "transcribe",
)
_WORDS = {
    "no_key": "{label} needs a key.",
    "refused_key": "{label} refused the key (HTTP {status}).",
    "not_found": "There is no list of models at {host} (HTTP {status}). Does the base URL end in /v1?",
    "redirect": "{host} redirects elsewhere (HTTP {status}). Enter the address that it redirects to.",
    "rate_limited": "Rate limit reached for {label} (HTTP {status}). Try again in a moment.",
    "server_error": "{label} had a server error (HTTP {status}). Try again in a moment.",
    "refused": "{label} refused the request (HTTP {status}).",
    "not_models": "{host} answered, but not with a list of models.",
    "timeout": "{host} did not answer within {seconds:g} s.",
    "unreachable": "{host} cannot be reached. Is the server running?",
}


class Tested(NamedTuple):
    """The outcome of a test. ``code`` is ``ok`` or a key of the words. ``models``: names without the provider."""

    code: str
    message: str
    models: list[str]
    seconds: float


class _Failed(Exception):
    def __init__(self, code: str, status: int = 0) -> None:
        super().__init__(code)
        self.code, self.status = code, status


def check_url(url: str, field: str) -> str:
    """Return the base URL of a provider without a slash at its end.

    Raises:
        InvalidField: it is no plain http or https address, or holds credentials.
    """
    if not url.isascii() or any(character.isspace() for character in url):
        raise InvalidField("must be an address without spaces or special characters", field=field)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidField("must be a valid http or https address", field=field) from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidField("must begin with http:// or https:// and name a host", field=field)
    if parts.username is not None or parts.password is not None:
        raise InvalidField("must not hold a user or password: the key has a field of its own", field=field)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise InvalidField("must not have a query or fragment", field=field)
    if _is_link_local(host):
        raise InvalidField("must not be a link-local address", field=field)
    return url.rstrip("/")


def _is_link_local(host: str) -> bool:
    """Return True for the addresses at which clouds tell a machine its credentials."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower() in ("metadata.google.internal", "metadata")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return address.is_link_local or mapped.is_link_local


async def ask(label: str, kind: Kind, base_url: str, key: str | None, *, seconds: float = SECONDS) -> Tested:
    """Ask a provider for its models. A failure is an outcome, in words that quote nothing of the reply."""
    began, host = time.monotonic(), urlsplit(base_url).netloc
    code, status, models = "ok", 0, list[str]()
    try:
        async with asyncio.timeout(seconds):
            models = await _models(kind, base_url, key)
    except TimeoutError:
        code = "timeout"
    except _Failed as failed:
        code, status = failed.code, failed.status
        if code == "refused_key" and not key:
            code = "no_key"
    if code == "ok":
        message = f"Connected. {label} offers {len(models)} model{'s' * (len(models) != 1)}."
    else:
        message = _WORDS[code].format(label=label, host=host, status=status, seconds=seconds)
    message = message.replace(key, REDACTED) if key else message
    return Tested(code, message, models, round(time.monotonic() - began, 3))


async def discover() -> list[dict[str, Any]]:
    """Return the servers of models that answer at their usual ports of this machine."""

    async def look(name: str) -> dict[str, Any] | None:
        label, kind, port = LOCAL[name]
        url = f"http://127.0.0.1:{port}/v1"
        tested = await ask(label, kind, url, None, seconds=NEAR_SECONDS)
        if tested.code != "ok":
            return None
        return {"name": name, "label": label, "kind": kind, "baseUrl": url, "models": tested.models}

    found = await asyncio.gather(*(look(name) for name in LOCAL))
    return [one for one in found if one is not None]


async def _models(kind: Kind, base_url: str, key: str | None) -> list[str]:
    import httpx

    url, headers = _request(kind, base_url, key)
    client = await asyncio.to_thread(_client, url)  # a TLS context takes longer than the loop may stall
    try:
        async with client, client.stream("GET", url, headers=headers) as reply:
            _check(reply)
            data = bytearray()
            async for piece in reply.aiter_bytes(64 * 1024):
                data += piece
                if len(data) > MAX_REPLY:
                    raise _Failed("not_models")
    except httpx.TimeoutException as error:
        raise TimeoutError from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _Failed("unreachable") from error
    return _names(kind, base_url, bytes(data))


def _client(url: str) -> httpx.AsyncClient:
    import httpx

    near = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    return httpx.AsyncClient(follow_redirects=False, trust_env=not near, timeout=SECONDS)


def _request(kind: Kind, base_url: str, key: str | None) -> tuple[str, dict[str, str]]:
    accept = {"Accept": "application/json"}
    if kind == "anthropic":
        auth = {"x-api-key": key} if key else {}
        return f"{base_url.removesuffix('/v1')}/v1/models?limit=100", {
            **accept,
            "anthropic-version": "2023-06-01",
            **auth,
        }
    if kind == "google":
        url = f"{base_url.removesuffix('/v1beta')}/v1beta/models?pageSize=200"
        return url, {**accept, **({"x-goog-api-key": key} if key else {})}
    auth = {"Authorization": f"Bearer {key}"} if key else {}
    if kind == "ollama":
        return f"{base_url.removesuffix('/v1')}/api/tags", {**accept, **auth}
    if "openrouter.ai" in base_url and key:
        return f"{base_url}/models/user", {**accept, **auth}  # its plain list asks for no key
    return f"{base_url}/models", {**accept, **auth}


def _check(reply: httpx.Response) -> None:
    status = reply.status_code
    if status in (401, 403):
        raise _Failed("refused_key", status)
    if status in (404, 405):
        raise _Failed("not_found", status)
    if 300 <= status < 400:
        raise _Failed("redirect", status)
    if status == 429:
        raise _Failed("rate_limited", status)
    if status != 200:
        raise _Failed("server_error" if status >= 500 else "refused", status)


class _Model(msgspec.Struct):
    id: str = ""
    name: str = ""
    supportedGenerationMethods: tuple[str, ...] = ("generateContent",)


class _List(msgspec.Struct):
    data: list[_Model] | None = None
    models: list[_Model] | None = None


def _names(kind: Kind, base_url: str, data: bytes) -> list[str]:
    try:
        reply = msgspec.json.decode(data, type=_List)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Failed("not_models") from error
    listed = reply.models if kind in ("ollama", "google") else reply.data
    if listed is None:
        raise _Failed("not_models")
    if kind == "google":
        listed = [model for model in listed if "generateContent" in model.supportedGenerationMethods]
    names = (
        model.name.removeprefix("models/") or model.id if kind != "openai" else model.id for model in listed
    )
    chat = base_url == "https://api.openai.com/v1"
    return _kept(name for name in names if not chat or not any(word in name for word in _NO_CHAT))


def _kept(names: Iterable[str]) -> list[str]:
    """Return the names that can be names, sorted, each once."""
    fit = {name for name in names if 0 < len(name) <= MAX_NAME and name.isprintable() and " " not in name}
    return sorted(fit)[:MAX_MODELS]
