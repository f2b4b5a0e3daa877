"""A connection is tested by a real request, and what comes back is told in words of ours."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.web import RequestHandler

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.server.models import probe
from tests.providers import Provider

KEY = "sk-secret-0123456789"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        provider.key = KEY
        yield provider


@pytest.mark.parametrize(
    ("kind", "base", "path", "header"),
    [
        ("openai", "/v1", "/v1/models", "Authorization"),
        ("openai-responses", "/v1", "/v1/models", "Authorization"),
        ("anthropic", "", "/v1/models", "X-Api-Key"),
        ("anthropic", "/v1", "/v1/models", "X-Api-Key"),
        ("google", "", "/v1beta/models", "X-Goog-Api-Key"),
        ("ollama", "/v1", "/api/tags", "Authorization"),
    ],
)
async def test_each_protocol_lists_its_models(
    provider: Provider, kind: Any, base: str, path: str, header: str
) -> None:
    tested = await probe.ask("Mine", kind, provider.url + base, KEY)

    assert (tested.code, tested.models) == ("ok", ["another-model", "test-model"])
    assert tested.message == "Connected. Mine offers 2 models."
    (request,) = provider.listed
    assert request.path == path
    assert KEY in request.headers[header]


def answers(status: int, body: str = "", **headers: str) -> Callable[[RequestHandler], None]:
    def answer(handler: RequestHandler) -> None:
        handler.set_status(status)
        for name, value in headers.items():
            handler.set_header(name, value)
        handler.finish(body)

    return answer


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        (answers(401, f"no such key {KEY} <script>"), "refused_key"),
        (answers(403, "no"), "refused_key"),
        (answers(404, "nothing"), "not_found"),
        (answers(418, "teapot"), "refused"),
        (answers(429, "slow"), "rate_limited"),
        (answers(500, "stack trace of a secret service"), "server_error"),
        (answers(200, "<html>a router's login</html>"), "not_models"),
        (answers(200, "[1, 2]"), "not_models"),
        (answers(200, '{"data": "x"}'), "not_models"),
        (answers(200, '{"models": [{"name": "m"}]}'), "not_models"),
        (answers(200, "[" * 100_000), "not_models"),
        (answers(200, "x" * (probe.MAX_REPLY + 1)), "not_models"),
    ],
)
async def test_each_failure_has_its_words_and_quotes_no_reply(
    provider: Provider, listing: Callable[[RequestHandler], None], code: str
) -> None:
    provider.listing = listing

    tested = await probe.ask("Mine", "openai", f"{provider.url}/v1", KEY)

    assert (tested.code, tested.models) == (code, [])
    assert not any(word in tested.message for word in (KEY, "script", "stack trace", "router", "teapot"))
    assert len(tested.message) < 200


async def test_no_redirect_is_followed_with_the_key(provider: Provider) -> None:
    with Provider() as elsewhere:
        provider.listing = answers(307, "", Location=f"{elsewhere.url}/v1/models")

        tested = await probe.ask("Mine", "openai", f"{provider.url}/v1", KEY)

        assert tested.code == "redirect"
        assert elsewhere.listed == []


async def test_no_key_is_told_apart_from_a_wrong_one(provider: Provider) -> None:
    none = await probe.ask("Mine", "openai", f"{provider.url}/v1", None)
    wrong = await probe.ask("Mine", "openai", f"{provider.url}/v1", "sk-wrong-wrong-wrong")

    assert (none.code, none.message) == ("no_key", "Mine needs a key.")
    assert (wrong.code, "HTTP 401" in wrong.message) == ("refused_key", True)


async def test_a_server_that_does_not_answer_is_waited_for_only_so_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"

        tested = await probe.ask("Mine", "openai", url, KEY, seconds=0.2)

    assert tested.code == "timeout"
    assert 0.2 <= tested.seconds < 5
    assert (await probe.ask("Mine", "openai", url, KEY)).code == "unreachable"


async def test_names_that_are_no_names_are_left_out(provider: Provider) -> None:
    provider.models = ["good", "with space", "bell\a", "x" * 201, "", "good", "right‮to-left"]

    tested = await probe.ask("Mine", "openai", f"{provider.url}/v1", KEY)

    assert tested.models == ["good"]


async def test_models_on_this_machine_are_found_at_their_usual_ports(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.key = None
    port = int(provider.url.rpartition(":")[2])
    local = {
        "ollama": ("Ollama", "ollama", port),
        "vllm": ("vLLM", "openai", port),
        "lmstudio": ("LM Studio", "openai", 9),
    }
    monkeypatch.setattr(probe, "LOCAL", local)

    found = await probe.discover()

    assert [(one["name"], one["baseUrl"], one["models"]) for one in found] == [
        ("ollama", f"{provider.url}/v1", ["another-model", "test-model"]),
        ("vllm", f"{provider.url}/v1", ["another-model", "test-model"]),
    ]
    assert {request.path for request in provider.listed} == {"/api/tags", "/v1/models"}
    assert not any("Authorization" in request.headers for request in provider.listed)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1", "file:///etc/passwd", "host/v1", "//host", "http://", "http://:80/", "http://host:99999/",
        "http://user:password@host/v1", "http://key@host/v1", "http://host/v1?x=1", "http://host/v1#x", "http://host/v1?",
        "http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://metadata.google.internal/",
        "http://host /v1", "http://ho\nst", "http://höst/", "javascript:alert(1)", "http://[::1/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidField) as refused:
        probe.check_url(url, "baseUrl")

    assert refused.value.field == "baseUrl"


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://127.0.0.1:8000/v1/", "http://[::1]:1234", "http://gpu.lan/a/b"],
)
def test_a_plain_address_is_taken(url: str) -> None:
    assert probe.check_url(url, "baseUrl") == url.rstrip("/")
