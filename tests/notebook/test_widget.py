"""The chat widget's Python side, against a real server and its agents."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.notebook import session, widget
from lobu_jupyter.notebook.api import NotebookThread
from lobu_jupyter.notebook.background import Background
from lobu_jupyter.notebook.comm import Comm
from lobu_jupyter.notebook.discover import Found
from lobu_jupyter.notebook.session import Session
from lobu_jupyter.notebook.widget import ChatWidget, client_of
from tests.servers import RealServer, wait_for

SECONDS = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with RealServer(tmp_path_factory.mktemp("widget")) as server:
        yield server


@pytest.fixture
def link(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    link = Session(Found(server.url, "test", server.token), None, None, None)
    monkeypatch.setattr(session, "reaching", lambda: link)
    yield link
    link.client.close()


@pytest.fixture
def thread(link: Session) -> NotebookThread:
    return NotebookThread(link, link.thread(new=True).thread_id)


def test_the_traits_follow_the_thread_with_no_page_open(thread: NotebookThread):
    chat = ChatWidget(thread)
    answered, seen = threading.Event(), list[str]()
    chat.observe(lambda change: seen.append(change["new"]), "status")
    chat.observe(lambda change: "forty-two" in change["new"] and answered.set(), "last_answer")

    thread.ask("say forty-two", agent="script")

    assert answered.wait(SECONDS)
    assert wait_for("an idle thread", lambda: chat.status == "idle", SECONDS)
    assert seen[0] == "running"
    chat.close()


def test_a_widget_that_comes_late_shows_how_the_thread_stands(thread: NotebookThread):
    thread.ask("say the first\nask Which? | a | b", agent="script")
    wait_for("the question", lambda: thread.snapshot()["status"] == "waiting", SECONDS)

    chat = ChatWidget(thread)

    wait_for("the widget's standing", lambda: chat.status == "waiting", SECONDS)
    assert "the first" in chat.last_answer
    chat.close()


def test_the_module_and_its_style_are_in_the_tree():
    static = Path(widget.__file__).parent / "static"

    module = (static / "widget.js").read_text()
    assert "render" in module[-2000:]
    assert module.rstrip().endswith(" as default};")
    assert ".lobu-card" in (static / "widget.css").read_text()


class Page:
    """The page's end of a comm."""

    def __init__(self, link: Session) -> None:
        self.got: queue.Queue[dict[str, Any]] = queue.Queue()
        self.kept: list[dict[str, Any]] = []  # what came before what was waited for
        self.background = Background(lambda: client_of(link), "test page")
        self.comm = Comm(self.background, self.got.put)

    def until(self, kind: str) -> dict[str, Any]:
        while True:
            for message in self.kept:
                if message["type"] == kind:
                    self.kept.remove(message)
                    return message
            self.kept.append(self.got.get(timeout=SECONDS))

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        self.comm.received({"type": "call", "id": 7, "method": method, "path": path, "body": body})
        return self.until("reply")


@pytest.fixture
def page(link: Session) -> Iterator[Page]:
    page = Page(link)
    yield page
    page.background.close()


def test_a_page_without_a_server_of_its_own_starts_follows_and_decides_through_the_comm(
    page: Page, thread: NotebookThread
):
    t = thread.thread_id
    page.comm.received({"type": "open"})
    page.until("opened")
    page.comm.received({"type": "follow", "threadId": t, "cursor": 0})
    assert page.until("state")["threadId"] == t

    started = page.call("POST", f"threads/{t}/runs", {"prompt": "ask Which? | a | b", "agent": "script"})
    assert started["status"] == 202
    events: list[dict[str, Any]] = []
    while not any(e["event"]["type"] == "RUN_FINISHED" for e in events):
        events += page.until("events")["events"]

    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    (interrupt,) = events[-1]["event"]["outcome"]["interrupts"]
    questions = interrupt["metadata"]["lobu"]["questions"]
    answer = {"answers": {questions[0]["id"]: "a"}}
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": answer}
    assert page.call("POST", f"threads/{t}/resume", {"resume": [entry]})["status"] == 202


def test_a_page_sees_and_takes_back_grants_through_the_comm(page: Page, thread: NotebookThread):
    listed = page.call("GET", f"policy?threadId={thread.thread_id}")
    gone = page.call("DELETE", "policy/grants/grant_none")

    assert (listed["status"], listed["body"]["grants"]) == (200, [])
    assert (gone["status"], gone["body"]["error"]["message"]) == (404, "There is no such grant.")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "get", ""])
def test_the_comm_takes_no_other_methods(page: Page, method: str):
    assert page.call(method, "policy/grants/grant_none")["status"] == 422


def test_a_thread_that_is_not_there_is_an_error_of_that_thread(page: Page):
    page.comm.received({"type": "follow", "threadId": "thread_none", "cursor": 0})

    error = page.until("error")
    assert (error["threadId"], error["error"]["code"]) == ("thread_none", "thread_not_found")


@pytest.mark.parametrize("path", ["../../api/contents", "/api/kernels", "http://example.org/", "a/../../b"])
def test_the_comm_reaches_nothing_but_lobus_routes(page: Page, path: str):
    assert page.call("GET", path)["status"] == 422
