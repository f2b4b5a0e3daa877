"""Behind a proxy that buffers answers and cuts idle connections, and under a base_url."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from httpx_sse import connect_sse
from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer, wait_for

from .conftest import lab_server
from .lab import LOAD, Lab, script
from .proxy import Proxy

BASE = "user/ann/"
IDLE_SECONDS = 5.0
HEARTBEAT_SECONDS = 0.5  # far below: a busy machine holds some of them up


class UnderBase(RealServer):
    @property
    def url(self) -> str:
        return super().url + BASE


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    options = [f"--ServerApp.base_url=/{BASE}", f"--LobuApp.heartbeat_seconds={HEARTBEAT_SECONDS}"]
    options.append("--ServerApp.allow_remote_access=True")
    with lab_server(tmp_path_factory.mktemp("based"), *options, kind=UnderBase) as server:
        yield server


@pytest.fixture
def proxy(behind: RealServer) -> Iterator[Proxy]:
    with Proxy(behind.port, IDLE_SECONDS) as proxy:
        yield proxy


@pytest.mark.scenario("E34")
def test_a_page_behind_a_proxy_sees_words_as_they_come_and_misses_none_when_it_is_cut(
    context: BrowserContext, behind: RealServer, proxy: Proxy
):
    url = f"http://127.0.0.1:{proxy.port}/{BASE}"
    cell = script("slow 100 100", "run x = 1")
    lab = Lab.open(context.new_page(), behind, (LOAD, cell), None, url=url)
    lab.run_all()
    expect(lab.view.locator(".lobu-assistant")).not_to_be_empty()
    first = len(lab.view.locator(".lobu-assistant").inner_text())
    wait_for("more words", lambda: len(lab.view.locator(".lobu-assistant").inner_text()) > first, 45)
    assert lab.view.locator(".lobu-run-running").count() == 1

    proxy.hang_up()

    expect(lab.question).to_be_visible()
    words = lab.view.locator(".lobu-assistant").first.inner_text().split()
    assert len(words) == 100
    opened, cuts = len(lab.sockets), proxy.cuts
    began = time.monotonic()
    wait_for("more than the idle time", lambda: time.monotonic() - began > 1.5 * IDLE_SECONDS)
    assert (len(lab.sockets), proxy.cuts) == (opened, cuts)
    lab.question.press("a")
    lab.stands("Done")
    assert lab.value("x") == "1"
    lab.page.close()  # before its proxy: it would go on connecting


@pytest.mark.scenario("E34")
def test_a_stream_behind_a_proxy_is_neither_buffered_nor_cut_while_it_is_quiet(
    behind: RealServer, proxy: Proxy
):
    client = behind.client()
    thread = client.post("threads", json={}).json()["threadId"]
    quiet = {"prompt": f"say first\nslow 1 {int(2000 * IDLE_SECONDS)}", "agent": "script"}
    client.post(f"threads/{thread}/runs", json=quiet).raise_for_status()
    url = f"http://127.0.0.1:{proxy.port}/{BASE}lobu/api/threads/{thread}/events"

    with httpx.Client(headers=behind.auth, timeout=60) as http, connect_sse(http, "GET", url) as stream:
        seqs: list[int] = []
        heard: dict[str, float] = {}
        for frame in stream.iter_sse():
            if not frame.data:
                continue  # a heartbeat
            seqs.append(int(frame.id))
            event = frame.json()
            heard.setdefault(event.get("delta", event["type"]).strip(), time.monotonic())
            if event["type"] == "RUN_FINISHED":
                break

    assert heard["RUN_FINISHED"] - heard["first"] > 1.5 * IDLE_SECONDS
    assert seqs == list(range(1, len(seqs) + 1))
    assert proxy.cuts == 0
