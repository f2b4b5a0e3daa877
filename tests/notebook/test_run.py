"""A run in the notebook's hands: waiting, deciding, stopping."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import ThreadBusy
from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.requests import NewThread
from lobu_jupyter.notebook import api, session
from lobu_jupyter.notebook.chain import Chain
from lobu_jupyter.notebook.errors import RunFailed, RunTimeout
from lobu_jupyter.notebook.follower import Follower, catch_up
from lobu_jupyter.notebook.run import Run

from . import journal as j
from .fake import FakeSession, run_row, soon


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    link = FakeSession()
    monkeypatch.setattr(session, "reaching", lambda: link)
    return link


def test_ask_returns_at_once_and_wait_returns_at_the_end(link: FakeSession) -> None:
    run = api.ask("plot sales by month", agent="script", mode="ask")
    soon(lambda: link.client.write(*j.said("Done."), j.finished()))

    assert run.wait() is run
    assert (run.status, run.text) == ("succeeded", "Done.")
    (request,) = link.client.requests
    assert (request.prompt, request.agent, request.mode) == ("plot sales by month", "script", "ask")
    assert (request.if_running, request.answerable) == ("queue", True)
    assert link.client.created == [NewThread(name=None, reuse=True)]


def test_wait_returns_at_a_question_and_goes_on_after_the_decision(link: FakeSession) -> None:
    run = api.ask("run it")
    link.client.write(*j.called(), j.paused())

    assert run.wait().status == "interrupted"
    run.approve(grant="thread")
    soon(lambda: link.client.write(j.result("2"), *j.said("Two."), j.finished("run_resumed")))

    assert run.wait().text == "Two."
    assert run.run_id == "run_resumed"
    ((entry,),) = link.client.resumed
    assert entry["payload"] == {"approved": True, "grant": "thread"}


@pytest.mark.parametrize(
    ("decide", "payload"),
    [
        (lambda run: run.reject("too slow"), {"approved": False, "reason": "too slow"}),
        (lambda run: run.edit(code="2"), {"approved": True, "editedArgs": {"code": "2"}}),
        (lambda run: run.respond("42"), {"response": "42"}),
        (lambda run: run.approve("i1"), {"approved": True}),
        (lambda run: run.approve("all"), {"approved": True}),
    ],
    ids=["reject", "edit", "respond", "approve by id", "approve all"],
)
def test_each_decision_is_one_call(link: FakeSession, decide: Any, payload: dict[str, Any]) -> None:
    run = api.ask("run it")
    asked = j.asked(decisions=("approve", "edit", "reject", "respond"))
    link.client.write(*j.called(), j.paused(asked))

    decide(run)

    assert [entry["payload"] for entry in link.client.resumed[0]] == [payload]


def test_a_batch_is_sent_once_all_of_it_is_decided(link: FakeSession) -> None:
    run = api.ask("run both")
    link.client.write(*j.called("c1"), *j.called("c2"), j.paused(j.asked("i1", "c1"), j.asked("i2", "c2")))

    run.approve(0)
    assert link.client.resumed == []
    run.reject("no", 1)

    assert [(e["interruptId"], e["payload"]["approved"]) for e in link.client.resumed[0]] == [
        ("i1", True),
        ("i2", False),
    ]


def test_a_run_that_fails_is_an_error_of_the_cell(link: FakeSession) -> None:
    run = api.ask("go")
    link.client.write(j.failed("kernel_died", "The kernel died; run the cells again."))

    with pytest.raises(RunFailed, match="run the cells again") as caught:
        run.wait()

    assert caught.value.code == "kernel_died"
    assert run.error is not None


def test_a_timeout_cancels_the_run_and_raises(link: FakeSession) -> None:
    with pytest.raises(RunTimeout, match=r"0\.05 s"):
        api.ask("slow", timeout=0.05)

    assert link.client.cancelled == ["run_1"]


def test_stopping_the_cell_cancels_the_run(link: FakeSession) -> None:
    run = api.ask("slow")
    main = threading.main_thread().ident
    assert main is not None
    waiting = threading.Event()

    def stop() -> None:
        waiting.wait(60)
        signal.pthread_kill(main, signal.SIGINT)

    soon(stop)
    with run.told(waiting.set), pytest.raises(KeyboardInterrupt):
        run.wait()

    assert link.client.cancelled == ["run_1"]
    assert run.status == "cancelled"


@pytest.mark.scenario("W16")
def test_a_journal_that_cannot_be_followed_to_the_end_is_an_error_of_the_cell(link: FakeSession) -> None:
    run = api.ask("go")
    soon(lambda: link.client.break_(ServerGone("No event for 60 s")))

    with pytest.raises(ServerGone):
        run.wait()


@pytest.mark.scenario("P6")
@pytest.mark.parametrize(
    ("waits", "attached", "answerable"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_only_a_waiting_call_without_a_front_end_cannot_be_answered(
    link: FakeSession, waits: bool, attached: bool, answerable: bool
) -> None:
    link.answerable = attached

    if waits:
        _answer_when_started(link)
    api.ask("go", wait=waits)

    assert link.client.requests[0].answerable is answerable


def _answer_when_started(link: FakeSession) -> None:
    start = link.client.runs.start

    def start_and_finish(*args: Any) -> Any:
        started = start(*args)
        link.client.write(*j.said("ok"), j.finished(started.run_id))
        return started

    link.client.runs.start = start_and_finish  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.scenario("P6")
def test_with_a_front_end_a_waiting_call_waits_through_the_decision(link: FakeSession) -> None:
    link.answerable = True
    start = link.client.runs.start

    def start_and_ask(*args: Any) -> Any:
        started = start(*args)
        link.client.write(*j.called(), j.paused())
        soon(decided_on_a_page)
        return started

    def decided_on_a_page() -> None:
        link.client.policy.resume(j.T, [{"interruptId": "i1"}])
        link.client.write(j.result("2"), *j.said("Two."), j.finished("run_resumed"))

    link.client.runs.start = start_and_ask  # pyright: ignore[reportAttributeAccessIssue]
    run = api.ask("go", wait=True)

    assert (run.status, run.text) == ("succeeded", "Two.")


def test_a_waiting_call_whose_run_was_cancelled_elsewhere_has_no_answer(link: FakeSession) -> None:
    start = link.client.runs.start

    def start_and_cancel(*args: Any) -> Any:
        started = start(*args)
        link.client.write(j.finished(started.run_id, "cancelled"))
        return started

    link.client.runs.start = start_and_cancel  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(RunFailed) as caught:
        api.ask("go", wait=True)

    assert caught.value.code == "cancelled"


def test_a_prompt_while_the_agent_waits_is_queued_and_decides_nothing(
    link: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Interrupt(id="i1", thread_id=j.T, run_id="run_1", reason="tool_call")
    monkeypatch.setattr(link.client.policy, "interrupts", lambda **_: [asked])

    run = api.ask("no, by week")

    assert link.client.resumed == []
    assert link.client.requests[0].if_running == "queue"
    assert run.run_id == "run_1"


def test_what_the_gateway_refuses_is_raised(link: FakeSession) -> None:
    link.client.refuse = ThreadBusy()

    with pytest.raises(ThreadBusy):
        api.ask("go")


def test_events_are_those_of_the_run_from_the_first_to_the_question(link: FakeSession) -> None:
    link.client.write(j.started("run_0"), j.finished("run_0"))
    run = api.ask("go")
    link.client.write(*j.called(), j.paused())

    types = [event["type"] for event in run.events()]

    assert types == ["RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "RUN_FINISHED"]


def test_events_of_a_run_that_was_decided_go_on_to_its_end(link: FakeSession) -> None:
    run = api.ask("go")
    link.client.write(*j.called(), j.paused())
    run.approve()
    link.client.write(j.result("2"), j.finished("run_resumed"))

    types = [event["type"] for event in run.events()]

    assert types.count("RUN_FINISHED") == 2
    assert types[-1] == "RUN_FINISHED"


def test_a_run_found_again_is_the_whole_chain(link: FakeSession) -> None:
    first = api.ask("go")
    link.client.write(*j.called(), j.paused())
    first.approve()
    link.client.write(*j.said("Two."), j.finished("run_resumed"))
    link.client.rows = [
        run_row("run_resumed", parent_run_id="run_1", start_cursor=6),
        run_row(start_cursor=1),
    ]

    run = Run.of(link, link.client.rows[0])  # pyright: ignore[reportArgumentType]

    assert (run.run_id, run.status, run.text) == ("run_resumed", "succeeded", "Two.")


@pytest.mark.scenario("W16")
def test_an_output_that_cannot_be_followed_any_more_says_so(link: FakeSession) -> None:
    run = api.ask("go")
    link.client.break_(ServerGone("No event for 60 s. Is the Jupyter server running?"))
    watch = run.watch()
    assert watch is not None
    watch.join(60)

    text = run._bundle()["text/plain"]

    assert "server_gone: No event for 60 s" in text


def test_what_another_thread_was_quicker_to_read_is_news_too(link: FakeSession) -> None:
    chain, told = Chain("run_1", 0), threading.Event()
    watch = Follower(link.client, j.T, chain, told.set)  # pyright: ignore[reportArgumentType]
    link.client.write(j.started(), *j.called(), j.paused())

    catch_up(link.client, j.T, chain)  # pyright: ignore[reportArgumentType]
    watch.start()

    assert told.wait(30)
    assert watch.is_alive()
    link.client.break_(ServerGone("The test is over."))
    watch.join(60)


def test_an_update_that_is_due_takes_the_place_of_the_one_that_was_put_off(
    link: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = threading.Timer
    monkeypatch.setattr(threading, "Timer", lambda _, work: timer(3600, work))
    monkeypatch.setenv("LOBU_LIVE", "1")
    run, shown = api.ask("go"), Shown()
    run._outputs.append(shown)  # pyright: ignore[reportArgumentType]

    run._news()
    put_off = run._timer
    shown.is_due = True
    run._news()

    assert shown.updates == 1
    assert put_off is not None
    put_off.join(60)
    assert not put_off.is_alive()


class Shown:
    """An output that counts its updates."""

    def __init__(self) -> None:
        self.is_due = False
        self.updates = 0

    def due(self) -> bool:
        return self.is_due

    def update(self, bundle: dict[str, Any]) -> None:
        self.updates += 1
