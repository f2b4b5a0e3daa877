"""fetch_url reaches the public web only, whatever a name, an address or a redirect says."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools import web
from lobu_jupyter.agents.tools.web import PublicWeb, Web, is_public
from lobu_jupyter.agents.tools.web_search import WebSearch
from lobu_jupyter.model.policy import Policy
from tests.agents.bench import Ended, policy, run, task_for

ALLOW = policy(server={"allow": ["fetch_url"]})


class Site:
    """A site on loopback. ``replies``: what it answers, by path. ``asked``: the requests."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.replies: dict[str, bytes] = {}
        self.asked: list[str] = []


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        site.asked.append(head)
        writer.write(site.replies[head.split()[1]])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    site = Site(server.sockets[0].getsockname()[1])
    yield site
    server.close()


def reply(body: bytes, kind: str = "text/html", status: str = "200 OK", **more: str) -> bytes:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close", **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


async def fetched(url: str, source: Web, rules: Policy = ALLOW) -> Ended:
    return await run(
        script(sources=[source]), task_for(f"tool fetch_url {json.dumps({'url': url})}", policy=rules)
    )


def opened(site: Site, public: Any = lambda address: True) -> Web:
    """The tool, for which loopback is public, at the site's port."""
    return Web(["fetch_url"], at(site, public))


def at(site: Site, public: Any = lambda address: True) -> PublicWeb:
    found = PublicWeb(public)
    found.ports = frozenset({site.port})
    return found


def only(ended: Ended) -> str:
    (result,) = ended.results.values()
    return result


async def test_it_is_off_until_named_and_asks() -> None:
    off = await fetched("https://example.org/", Web([]))
    asked = await fetched("https://example.org/", Web(["fetch_url"]), Policy())

    assert "Unknown tool name" in only(off)
    assert [i.message for i in asked.interrupts] == ["Fetch https://example.org/?"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_such_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14"])
def test_such_an_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/", "http://0x7f000001/",
        "http://127.1/", "http://169.254.169.254/latest/meta-data", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
async def test_an_address_of_this_machine_or_network_is_not_fetched(url: str) -> None:
    assert "is not on the public internet" in only(await fetched(url, Web(["fetch_url"])))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http://user:pw@example.org/",
        "http://example.org:22/",
        "https://",
    ],
)
async def test_another_scheme_port_or_a_user_name_is_refused(url: str) -> None:
    result = only(await fetched(url, Web(["fetch_url"])))

    assert "only http and https" in result or "is not fetched" in result


async def test_a_name_with_one_private_address_is_refused_and_the_checked_address_is_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.replies["/a"] = reply(b"<h1>Hello</h1><script>no()</script>")
    answers = [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]]
    resolved: list[str] = []

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        resolved.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers[len(resolved) - 1]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    source = opened(site, lambda address: address == "127.0.0.1")

    good = only(await fetched(f"http://site.test:{site.port}/a", source))
    bad = only(await fetched(f"http://site.test:{site.port}/a", source))

    assert "# Hello" in good
    assert "no()" not in good
    assert "is not on the public internet" in bad
    assert resolved == ["site.test", "site.test"]  # once a request: nothing else resolves the name again
    assert len(site.asked) == 1
    assert f"Host: site.test:{site.port}" in site.asked[0]


async def test_a_redirect_to_a_private_address_is_refused_and_a_loop_ends(site: Site) -> None:
    source = opened(site)
    base = f"http://127.0.0.1:{site.port}"
    site.replies["/out"] = reply(b"", status="302 Found", Location=f"http://127.0.0.2:{site.port}/a")
    site.replies["/loop"] = reply(b"", status="302 Found", Location="/loop")
    site.replies["/file"] = reply(b"", status="302 Found", Location="file:///etc/passwd")
    only_one = opened(site, lambda address: address == "127.0.0.1")

    assert "127.0.0.2 is not on the public internet" in only(await fetched(base + "/out", only_one))
    assert "more than 5 redirects" in only(await fetched(base + "/loop", source))
    assert "only http and https" in only(await fetched(base + "/file", source))


async def test_what_comes_is_bounded_and_no_text_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1000)
    monkeypatch.setattr(web, "SECONDS", 1.0)
    base = f"http://127.0.0.1:{site.port}"
    site.replies["/big"] = reply(b"x" * 5000, "text/plain")
    site.replies["/binary"] = reply(b"\0\1", "application/octet-stream")
    site.replies["/packed"] = reply(b"xx", "text/plain", **{"Content-Encoding": "gzip"})
    site.replies["/slow"] = reply(
        b"x", "text/plain", **{"Content-Length": "100", "Connection": "keep-alive"}
    )[:-1]

    assert only(await fetched(base + "/big", opened(site))).endswith("[cut after 1000 bytes]")
    assert "which is no text" in only(await fetched(base + "/binary", opened(site)))
    assert "came compressed" in only(await fetched(base + "/packed", opened(site)))
    assert "cannot be fetched" in only(await fetched(base + "/slow", opened(site)))


# -- the search


async def searched(query: str, source: WebSearch, rules: Policy | None = None) -> Ended:
    task = task_for(
        f"tool web_search {json.dumps({'query': query})}",
        policy=rules or policy(server={"allow": ["web_search"]}),
    )
    return await run(script(sources=[source]), task)


async def test_a_search_is_off_until_a_provider_is_named_and_asks() -> None:
    named = WebSearch({"url": "https://search.example/?q={query}", "headers": {"X-Token": "key"}})
    off = await searched("x", WebSearch(None))
    asked = await searched("a\u202eb", named, Policy())

    assert "Unknown tool name" in only(off)
    assert [i.message for i in asked.interrupts] == ["Search the web at search.example for a\\u202eb?"]


async def test_a_search_sends_the_query_as_one_value_and_shows_its_results(site: Site) -> None:
    results = [
        {"title": "T\nx", "url": "https://example.org/a", "description": "d" * 900},
        {"url": "https://b.org"},
    ]
    site.replies["/?q=a%26b%3D%2F%C3%A9&n=2"] = reply(
        json.dumps({"web": {"results": results}, "other": [{"url": "u"}]}).encode(), "application/json"
    )
    config = {
        "url": f"http://127.0.0.1:{site.port}/?q={{query}}&n=2",
        "headers": {"X-Token": "key", "Host": "evil"},
    }

    text = only(await searched("a&b=/é", WebSearch(config, at(site))))

    assert text.startswith("1. T x\n   https://example.org/a\n   ddd")
    assert text.endswith("2. (no title)\n   https://b.org")
    assert len(text) < 700
    assert "X-Token: key" in site.asked[0]
    assert f"Host: 127.0.0.1:{site.port}" in site.asked[0]
    assert "evil" not in site.asked[0]


async def test_a_search_obeys_the_rules_of_a_fetch_and_sends_its_key_nowhere_else(site: Site) -> None:
    base = f"http://127.0.0.1:{site.port}"
    site.replies["/out"] = reply(b"", status="302 Found", Location=f"{base}/other")
    site.replies["/no"] = reply(b"key", "text/plain", status="401 Unauthorized")
    site.replies["/big"] = reply(b"x" * 100_000, "text/plain")
    site.replies["/deep"] = reply(b"[" * 100_000, "application/json")

    async def said(path: str, web: PublicWeb | None = None) -> str:
        config = {"url": f"{base}{path}#{{query}}", "headers": {"X-Token": "key"}}
        return only(await searched("x", WebSearch(config, web or at(site))))

    assert "answered HTTP 302" in await said("/out")
    assert "answered HTTP 401" in await said("/no")
    assert "characters left out" in await said("/big")
    assert "characters left out" in await said("/deep")
    assert "is not fetched" in await said("/big", PublicWeb())
    assert [head.split()[1] for head in site.asked] == ["/out", "/no", "/big", "/deep"]
    assert "no url with {query}" in only(await searched("x", WebSearch({"url": base}, at(site))))


def found(query: str) -> Any:
    if query == "raise":
        raise RuntimeError("no")
    return query if query == "text" else [{"name": query, "link": "https://example.org"}]


async def later(query: str) -> Any:
    return {"odd": query}


async def test_a_search_may_be_a_function() -> None:
    source = WebSearch({"function": f"{__name__}:found"})

    assert only(await searched("text", source)) == "text"
    assert only(await searched("q", source)) == "1. q\n   https://example.org"
    assert "RuntimeError: no" in only(await searched("raise", source))
    assert only(await searched("q", WebSearch({"function": f"{__name__}:later"}))) == '{"odd": "q"}'
    assert "The search failed" in only(await searched("q", WebSearch({"function": "no.such:thing"})))
