"""The chat widget in pages whose server does not have its thread: no server (VS Code, Colab), or another's.

The page is Chromium with the built widget and nothing of Jupyter. The kernel is real, with a gateway of its own, and
the test carries the comm's messages between them, as such a front end does.
"""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route

from tests.notebook.cells import BareKernel, bare_kernel
from tests.servers import REPOSITORY, wait_for

from .lab import READY_QUESTION

STATIC = REPOSITORY / "lobu_jupyter" / "notebook" / "static"
ADDRESS = "http://page.test/"
CONFIG = '<script id="jupyter-config-data" type="application/json">{"baseUrl": "/voila/"}</script>'
HTML = """<!doctype html><link rel="stylesheet" href="widget.css">%s<div id="out"></div><script type="module">
import widget from './widget.js';
const heard = [];
const model = {
  get: name => name === 'thread_id' ? window.threadId : undefined,
  on: (name, call) => name === 'msg:custom' && heard.push(call),
  off: () => undefined,
  send: content => window.toKernel(JSON.stringify(content))
};
window.deliver = message => heard.forEach(call => call(message));
window.begin = threadId => {
  window.threadId = threadId;
  widget.render({ model, el: document.getElementById('out') });
};
window.isReady = true;
</script>"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareKernel]:
    home = tmp_path_factory.mktemp("bare")
    (home / "config").mkdir()
    (home / "config" / "jupyter_server_config.py").write_text("c.LobuApp.default_agent = 'script'\n")
    with bare_kernel(home) as kernel:
        yield kernel


class FrontEnd:
    """A page and its kernel, with the comm between them."""

    def __init__(self, page: Page, kernel: BareKernel) -> None:
        self.page, self._kernel, self._comm = page, kernel, ""

    def begin(self) -> None:
        thread = self._kernel.run(
            "chat = lobu.ChatWidget(new=True)\nprint(chat.thread_id, chat.model_id)"
        ).text
        thread_id, self._comm = thread.split()
        self.page.evaluate("threadId => window.begin(threadId)", thread_id)

    def send(self, content: str) -> None:
        data = {"method": "custom", "content": json.loads(content)}
        message = self._kernel.client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        self._kernel.client.shell_channel.send(message)

    def until(self, shown: Locator, seconds: float = 60) -> Locator:
        """Carry messages until the page shows it."""
        end = time.monotonic() + seconds
        while not shown.first.is_visible():
            assert time.monotonic() < end, self.page.locator("#out").inner_text()
            self._carry()
        return shown

    def _carry(self) -> None:
        try:
            message = self._kernel.client.get_iopub_msg(timeout=0.05)
        except queue.Empty:
            return
        content = message["content"]
        if message["header"]["msg_type"] == "comm_msg" and content["comm_id"] == self._comm:
            data: dict[str, Any] = content["data"]
            if data.get("method") == "custom":
                self.page.evaluate("message => window.deliver(message)", data["content"])


@contextmanager
def front_end(browser: Browser, kernel: BareKernel, config: str) -> Iterator[FrontEnd]:
    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if name == "":
            route.fulfill(body=HTML % config, content_type="text/html")
        elif name in ("widget.js", "widget.css"):
            kind = "text/javascript" if name.endswith("js") else "text/css"
            route.fulfill(body=Path(STATIC / name).read_text(), content_type=kind)
        else:
            route.fulfill(status=403, body="<h1>403: Forbidden</h1>")  # as Voila has it

    context = browser.new_context()
    try:
        page = context.new_page()
        page.route(f"{ADDRESS}**", serve)
        shown = FrontEnd(page, kernel)
        page.expose_function("toKernel", shown.send)
        page.goto(ADDRESS)
        page.wait_for_function("window.isReady")
        yield shown
    finally:
        context.close()


@pytest.mark.parametrize("config", ["", CONFIG], ids=["no server", "a server without the thread"])
def test_a_person_asks_approves_and_sees_the_result_over_the_comm(
    browser: Browser, kernel: BareKernel, config: str
) -> None:
    with front_end(browser, kernel, config) as shown:
        shown.begin()
        box = shown.until(shown.page.locator(".lobu-composer textarea"))
        box.fill("run print(40 + 2)")
        box.press("Enter")
        shown.until(shown.page.locator(READY_QUESTION))
        shown.page.get_by_role("button", name="Approve", exact=True).click()
        shown.until(shown.page.locator(".lobu-standing", has_text="Done"))
        assert "42" in shown.page.locator("#out").inner_text()


def test_code_in_the_kernel_decides_nothing_between_clicks(kernel: BareKernel, tmp_path: Path) -> None:
    said = tmp_path / "said"
    kernel.run("run = lobu.thread(new=True).ask('run print(1)', agent='script').wait()")
    kernel.run(
        f"""import threading, pathlib
def decide():
    ended.wait()
    try:
        run.approve()
        said = 'approved'
    except Exception as error:
        said = type(error).__name__
    pathlib.Path({str(said)!r}).write_text(said)
ended = threading.Event()
threading.Timer(1, ended.set).start()
threading.Thread(target=decide).start()"""
    )

    assert wait_for("the decision", lambda: said.exists() and said.read_text(), 60) == "NotAllowed"
