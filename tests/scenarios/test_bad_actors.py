"""Code and people that mean no good, or do not look: bounded, inert, and no secret gets out."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.notebook.cells import ServedKernel, bare_kernel
from tests.servers import RealServer, best_of, wait_for

from .person import Event, Person, ends_of, result_of

KEY = "sk-live-0123456789abcdefghij"
READERS = 30
LIMIT = 512 * 1024  # output_bytes


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    options = [f"--LobuApp.output_bytes={LIMIT}", "--LobuApp.default_agent=script"]
    server = RealServer(tmp_path_factory.mktemp("guarded"), options=options, env={"OPENAI_API_KEY": KEY})
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def kernel(guarded: RealServer) -> str:
    return guarded.start_kernel()


@pytest.fixture
def someone(guarded: RealServer) -> Iterator[Person]:
    """The person; what a test that failed left running is cancelled, for the kernel is shared."""
    person = Person(guarded)
    yield person
    for run in person.ok(person.http.get("runs", params={"status": "running"}))["runs"]:
        person.cancel(run["runId"])


def journal_bytes(person: Person, thread: str) -> int:
    return sum(len(json.dumps(event)) for _, event in person.journal(thread))


def run(person: Person, kernel: str, code: str) -> tuple[str, list[Event]]:
    thread = person.thread(kernelId=kernel)
    started = person.start(thread, f"run {code}", mode="allow")
    return thread, person.finish(thread, started["runId"])


@pytest.mark.scenario("H19")
def test_a_million_lines_are_cut_visibly_while_the_server_answers(someone: Person, kernel: str) -> None:
    thread = someone.thread(kernelId=kernel)
    started = someone.start(
        thread, "run for n in range(10): print('\\n'.join(map(str, range(100_000))))", mode="allow"
    )
    someone.wait_until_seen(thread, "lobu.output")

    def ask() -> float:
        began = time.monotonic()
        assert someone.http.get("health").status_code == 200
        return time.monotonic() - began

    answered = best_of(5, ask, 1)
    told = someone.finish(thread, started["runId"])

    assert answered < 1
    assert ends_of(told)[0]["type"] == "RUN_FINISHED"
    assert journal_bytes(someone, thread) < 4 * LIMIT
    assert len(result_of(told)) < 100_000


def test_code_that_prints_for_ever_is_bounded_and_can_be_cancelled(someone: Person, kernel: str) -> None:
    thread = someone.thread(kernelId=kernel)
    started = someone.start(thread, "run while True: print('x' * 1000)", mode="allow")
    someone.wait_until_seen(thread, "lobu.output")
    time.sleep(1)  # let it print

    someone.cancel(started["runId"])
    _, after = run(someone, kernel, "40 + 2")

    assert journal_bytes(someone, thread) < 4 * LIMIT
    assert "42" in result_of(after)


def test_control_characters_and_escapes_arrive_as_they_are_and_harm_nothing(
    someone: Person, kernel: str
) -> None:
    text = "\\x00\\x07\\x1b[31mred\\x1b[0m\\x1b]0;title\\x07\\u202e\\U0001f600"
    thread, told = run(someone, kernel, f"print('{text}')")

    outputs = "".join(e["value"]["output"].get("text", "") for e in told if e.get("name") == "lobu.output")
    assert "\x00\x07\x1b[31mred\x1b[0m" in outputs
    assert "\u202e\U0001f600" in outputs
    assert someone.snapshot(thread)["status"] == "idle"
    assert someone.ok(someone.http.post(f"threads/{thread}/export", json={"format": "notebook"}))


def test_a_prompt_of_control_characters_is_kept_as_it_is(someone: Person) -> None:
    thread = someone.thread(title="\x1b[2J\u202e")
    prompt = "say \x1b[31m\u0007\u202e</script><img src=x onerror=alert(1)>"

    someone.finish(thread, someone.start(thread, prompt)["runId"])

    items = someone.snapshot(thread)["items"]
    assert items[0]["content"] == prompt


@pytest.mark.scenario("A25")
def test_no_key_token_or_checkpoint_is_in_any_reply_event_or_log(
    someone: Person, guarded: RealServer, kernel: str
) -> None:
    connection = json.loads(guarded.connection_file(kernel).read_text())
    files = [guarded.connection_file(kernel), *Path(guarded.home, "runtime").glob("jpserver-*.json")]
    peek = "; ".join(f"print(open({str(path)!r}).read())" for path in files)
    thread, told = run(someone, kernel, f"import os; print(dict(os.environ)); {peek}")
    prompt = f"say {KEY}\nrun print('{guarded.token}')"
    someone.wait_until_seen(thread, "RUN_FINISHED")
    paused = someone.start(thread, prompt)["runId"]
    someone.finish(thread, paused)

    plain = ["threads", "runs", "interrupts", "audit", "agents", "tools", "policy", "health", "openapi.json"]
    paths = [*plain, f"runs/{paused}", f"threads/{thread}", f"threads/{thread}/snapshot"]
    paths.append(f"threads/{thread}/events?follow=false")
    replies = [someone.http.get(path).text for path in paths]
    replies += [
        someone.http.post(f"threads/{thread}/export", json={"format": f}).text for f in ("json", "notebook")
    ]
    ours = "\n".join(line for line in guarded.log().splitlines() if "?token=" not in line)

    for secret in (KEY, guarded.token, connection["key"]):
        assert not [reply[:200] for reply in replies if secret in reply]
        assert secret not in ours
    checkpoint = '"conversation"'
    assert not [reply for reply in replies if checkpoint in reply]
    assert "[redacted]" in json.dumps(told)
    assert someone.interrupts(thread)


@pytest.mark.scenario("A25")
def test_no_key_token_or_checkpoint_is_in_a_saved_notebook(guarded: RealServer) -> None:
    page = ServedKernel(guarded, "secrets.ipynb")
    page.run("%load_ext lobu_jupyter\nimport os")
    connection = guarded.connection_file(page.kernel_id)
    files = [connection, *Path(guarded.home, "runtime").glob("jpserver-*.json")]
    peek = "; ".join(f"print(open({str(path)!r}).read())" for path in files)
    secrets = (KEY, guarded.token, json.loads(connection.read_text())["key"])

    ran = page.run(f"%lobu --agent script --mode allow --wait run print(dict(os.environ), {KEY!r}); {peek}")
    asked = page.run(f"%lobu --agent script run print({guarded.token!r})")
    page.more(asked, "Answer with run.approve()")
    cells = [ran.saved("%lobu one"), asked.saved("%lobu two")]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    guarded.jupyter("PUT", "api/contents/secrets.ipynb", {"type": "notebook", "content": notebook})
    page.close()

    saved = (guarded.root / "secrets.ipynb").read_text()
    assert "application/vnd.lobu.thread+json" in saved
    assert "text/html" in saved
    assert "[redacted]" in saved
    for secret in (*secrets, '"conversation"', "checkpoint"):
        assert secret not in saved


@pytest.mark.scenario("A25")
def test_no_key_or_token_is_in_a_notebook_that_was_run_without_a_server(tmp_path: Path) -> None:
    with bare_kernel(tmp_path / "bare", OPENAI_API_KEY=KEY) as kernel:
        code = "%lobu --agent script --mode allow --wait run import os; print(dict(os.environ))"
        ran = kernel.run(code)
        found = kernel.run(
            "from lobu_jupyter.notebook import session\nprint(session.current().gateway.token)"
        )

    saved = json.dumps([ran.saved(code)])
    assert found.text.strip() == ""  # the kernel proves itself, and holds no token
    assert "[redacted]" in saved
    assert KEY not in saved


@pytest.mark.scenario("E15")
def test_a_reader_of_one_kilobyte_a_second_costs_bounded_memory_and_misses_nothing(
    someone: Person, guarded: RealServer, kernel: str
) -> None:
    thread = someone.thread()
    request = (
        f"GET /lobu/api/threads/{thread}/events HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\n"
        f"Authorization: token {guarded.token}\r\nConnection: close\r\n\r\n"
    )
    process = psutil.Process(guarded.pid)
    readers: list[socket.socket] = []
    for _ in range(READERS):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", guarded.port))
        reader.sendall(request.encode())
        reader.settimeout(30)
        readers.append(reader)
    before = process.memory_info().rss

    for _ in range(6):
        code = "for i in range(40): print(str(i) * 10_000)"
        someone.finish(thread, someone.start(thread, f"run {code}", mode="allow", kernelId=kernel)["runId"])
        for reader in readers:
            reader.recv(1024)
    grown = process.memory_info().rss - before
    last = someone.ok(someone.http.get(f"threads/{thread}"))["cursor"]
    for reader in readers[1:]:
        reader.close()
    seqs = _rest(readers[0], last)

    size = journal_bytes(someone, thread)
    assert size > 2_000_000
    assert grown < READERS * size / 2, f"{grown / 1e6:.0f} MB for {size / 1e6:.1f} MB and {READERS} readers"
    assert seqs[-1] == last
    assert seqs == list(range(seqs[0], last + 1))


def _rest(reader: socket.socket, last: int) -> list[int]:
    """The ids that a reader still gets, once it reads at full speed."""
    marker, got, end = b"id: %d\n" % last, bytearray(), time.monotonic() + 90
    with contextlib.closing(reader):
        while marker not in got[-70_000:]:  # what was read last, and the piece before it
            assert time.monotonic() < end
            got += reader.recv(65536)
    lines = got.split(b"\n")
    return [int(line[4:]) for line in lines[1:] if line.startswith(b"id: ")]


def test_a_foreign_page_with_the_persons_cookie_starts_nothing(someone: Person, guarded: RealServer) -> None:
    thread = someone.thread()
    browser = guarded.client(headers={})
    browser.get(guarded.url + "api/status", params={"token": guarded.token}).raise_for_status()
    evil = {"Origin": "http://evil.example", "Referer": "http://evil.example/", "Content-Type": "text/plain"}

    start = browser.post(f"threads/{thread}/runs", json={"prompt": "say x"}, headers=evil)
    remove = browser.delete(f"threads/{thread}", headers=evil)
    decide = browser.post(f"threads/{thread}/resume", json={"resume": []}, headers=evil)

    unmarked = browser.post(f"threads/{thread}/runs", json={"prompt": "say x"})

    assert {reply.status_code for reply in (start, remove, decide, unmarked)} <= {403, 404}
    assert unmarked.status_code == 403
    assert someone.journal(thread) == []


def test_the_server_is_well_after_all_this(someone: Person) -> None:
    assert wait_for("no run to be left", lambda: someone.http.get("health").json()["runs"] == 0)
