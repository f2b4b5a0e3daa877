"""Each surface of Python says which question the person was shown there, and shows it anew if it changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from lobu_jupyter.cli import decide, prompts
from lobu_jupyter.model.digest import digest_of_wire
from lobu_jupyter.model.errors import QuestionChanged
from lobu_jupyter.notebook import api, commands
from lobu_jupyter.notebook import session as sessions
from tests.cli.terminal import Terminal
from tests.notebook import journal as j
from tests.notebook.fake import FakeSession, run_row
from tests.scenarios.person import Person
from tests.servers import RealServer

A = j.asked("i1", "c1")
B = j.asked("i2", "c2", args={"code": "shutil.rmtree('/')"})


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    session = FakeSession()
    monkeypatch.setattr(sessions, "reaching", lambda: session)
    return session


def digests(link: FakeSession) -> list[Any]:
    return [entry.get("digest") for entries in link.client.resumed for entry in entries]


@pytest.mark.parametrize("how", ["show", "interrupts", "repr"])
def test_a_run_decides_with_the_digest_of_what_was_shown(link: FakeSession, how: str) -> None:
    run = api.ask("go")
    link.client.write(*j.called(), j.paused(A))
    {"show": run._ipython_display_, "interrupts": lambda: run.interrupts, "repr": run._repr_mimebundle_}[
        how
    ]()

    run.approve()

    assert digests(link) == [digest_of_wire(A)]


def test_a_run_that_showed_nothing_claims_nothing(link: FakeSession) -> None:
    run = api.ask("go")
    link.client.write(*j.called(), j.paused(A))

    run.approve()

    assert digests(link) == [None]


def test_another_question_than_the_one_shown_is_shown_before_it_can_be_decided(link: FakeSession) -> None:
    run = api.ask("go")
    link.client.write(*j.called(), j.paused(A))
    run._ipython_display_()
    link.client.write(j.started("run_2", "", parentRunId="run_1"), j.decided("i1"))
    link.client.write(*j.called("c2", args='{"code": "x"}'), j.paused(B, run_id="run_2"))

    with pytest.raises(ValueError, match="Another question"):
        run.approve()
    assert link.client.resumed == []
    run.approve()

    assert digests(link) == [digest_of_wire(B)]


def test_a_question_that_changed_is_shown_anew_and_what_was_decided_is_forgotten(
    link: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = api.ask("go")
    link.client.write(*j.called("c1"), *j.called("c2"), j.paused(A, B))
    run._ipython_display_()
    run.approve(0)
    resume = link.client.policy.resume
    refuse = QuestionChanged(interrupts=[A, B])

    def refused(*_: Any) -> Any:
        raise refuse

    monkeypatch.setattr(link.client.policy, "resume", refused)
    with pytest.raises(QuestionChanged):
        run.reject("no", 1)
    monkeypatch.setattr(link.client.policy, "resume", resume)

    assert run.undecided == 2
    run.approve(0)
    run.reject("no", 1)
    assert digests(link) == [digest_of_wire(A), digest_of_wire(B)]


def test_the_magic_says_in_a_line_that_a_question_changed(
    link: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.client.write(j.started(), *j.called(), j.paused(A))
    link.client.rows = [run_row(start_cursor=1)]

    def refused(*_: Any) -> Any:
        raise QuestionChanged(interrupts=[A])

    monkeypatch.setattr(link.client.policy, "resume", refused)

    with pytest.raises(UsageError, match="not the one that you were shown"):
        commands.COMMANDS["approve"]("")


# -- the command line, against a real server ---------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def lobu(served: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(served, monkeypatch, capfd)


@pytest.fixture
def person(served: RealServer) -> Person:
    return Person(served)


def waits(person: Person, line: str) -> str:
    thread = person.thread()
    person.finish(thread, person.start(thread, line)["runId"])
    return thread


def audited(person: Person, thread: str) -> list[tuple[str, Any]]:
    """Each decision of a thread, and the digest that came with it; the newest first."""
    rows = person.ok(person.http.get("audit", params={"threadId": thread}))["audit"]
    return [(row["action"], row["detail"].get("digest")) for row in rows if "deci" in row["action"]]


@pytest.mark.parametrize(
    ("words", "line"), [("approve", "write {} x"), ("reject", "write {} x"), ("answer", "ask Which? | red")]
)
def test_the_command_line_shows_what_it_decides_and_sends_its_digest(
    lobu: Terminal, person: Person, words: str, line: str
) -> None:
    thread = waits(person, line.format(f"{words}.txt"))
    (question,) = person.interrupts(thread)

    printed = lobu(words, thread, *(["red"] if words == "answer" else []))

    assert printed.code == 0
    assert ("Which?" if words == "answer" else f"{words}.txt") in printed.err
    kind = {"approve": "approve", "reject": "reject", "answer": "answer"}[words]
    assert audited(person, thread) == [(f"decided {kind}", digest_of_wire(question))]


def test_a_command_whose_question_changed_shows_it_and_decides_nothing(
    lobu: Terminal, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = waits(person, "write changed.txt x")
    monkeypatch.setattr(decide, "digest_of", lambda _: "0" * 64)

    printed = lobu("approve", thread)

    assert printed.code == 1
    assert "not the one that you were shown" in printed.err
    assert "Nothing was decided" in printed.err
    assert not (Path(lobu.server.root) / "changed.txt").exists()
    assert len(person.interrupts(thread)) == 1


def test_a_conversation_asks_again_with_the_true_question(
    lobu: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = iter(["0" * 64])
    monkeypatch.setattr(prompts, "digest_of_wire", lambda wire: next(first, None) or digest_of_wire(wire))

    printed = lobu("chat", "--agent", "script", "write again.txt hello", typed="a\na\n")

    assert printed.code == 0
    assert "not the one that you were shown" in printed.err
    assert (lobu.server.root / "again.txt").exists()
