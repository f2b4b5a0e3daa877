"""`lobu exec`: any command is a run that ends once, truthfully, whatever the command does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from lobu_jupyter.cli.exec import child
from tests.cli.terminal import Printed, Terminal
from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import RealServer, wait_for

CUSTOM = {"type": "CUSTOM", "name": "tick", "value": 0}


def python(code: str) -> list[str]:
    return ["exec", "--json", "--", sys.executable, "-c", code]


def events_of(person: Person, printed: Printed) -> list[dict[str, Any]]:
    return person.finish(printed.json["threadId"], printed.json["runId"])


def only_end(person: Person, printed: Printed) -> dict[str, Any]:
    (end,) = ends_of(events_of(person, printed))
    return end


@pytest.mark.scenario("H18")
def test_plain_text_is_the_answer_and_exit_code_0(lobu: Terminal, person: Person) -> None:
    printed = lobu(*python("print('one'); print('two')"))

    assert printed.code == 0
    assert text_of(events_of(person, printed)) == "one\ntwo\n"
    assert only_end(person, printed)["outcome"] == {"type": "success"}


def test_the_thread_may_be_named_and_found_again(lobu: Terminal, person: Person) -> None:
    first = lobu("exec", "--json", "--thread", "nightly", "--", "echo", "one")
    second = lobu("exec", "--json", "--thread", "nightly", "--prompt", "again", "--", "echo", "two")
    by_id = lobu("exec", "--json", "--thread", first.json["threadId"], "--", "echo", "three")

    assert len({printed.json["threadId"] for printed in (first, second, by_id)}) == 1
    said = text_of([event for _, event in person.journal(first.json["threadId"])])
    assert said.split() == ["one", "two", "three"]


def test_a_start_that_is_refused_leaves_no_worker(lobu: Terminal, person: Person) -> None:
    thread = person.thread()
    running = person.start(thread, "ask Which?")["runId"]
    person.finish(thread, running)
    before = person.ok(person.http.get("health"))["workers"]

    printed = lobu("exec", "--thread", thread, "--", "echo", "one")

    assert printed.code == 1
    assert person.ok(person.http.get("health"))["workers"] == before
    person.cancel(running)


@pytest.mark.scenario("H1")
def test_two_thousand_events_come_in_order_each_once(lobu: Terminal, person: Person) -> None:
    code = f"import json\nfor n in range(2000): print(json.dumps({{**{CUSTOM}, 'value': n}}))"

    printed = lobu(*python(code))

    ticks = [e["value"] for e in events_of(person, printed) if e.get("name") == "tick"]
    assert (printed.code, ticks) == (0, list(range(2000)))


@pytest.mark.scenario("H13")
@pytest.mark.scenario("H18")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no such model')", "exit code 1.\nno such model"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
        (
            """print('{"type": "RUN_ERROR", "message": "the quota is used up"}'); raise SystemExit(3)""",
            "quota",
        ),
        ("""print('{"type": "TEXT_MESSAGE_END", "messageId": "never begun"}')""", "not valid"),
        ("""print('{"type": "CUSTOM", "name": "lobu.decision", "value": {}}')""", "refused"),
        (
            """print('{"type": "RUN_FINISHED", "threadId": "t", "runId": "r", '
               '"outcome": {"type": "interrupt", "interrupts": [{"id": "i", "reason": "x"}]}}')""",
            "cannot be resumed",
        ),
    ],
    ids=["code", "signal", "agent", "invalid", "reserved", "pause"],
)
def test_a_failure_is_one_error_and_exit_code_1(
    lobu: Terminal, person: Person, code: str, words: str
) -> None:
    printed = lobu(*python(code))

    assert printed.code == 1
    assert words in printed.err
    assert words in only_end(person, printed)["message"]


@pytest.mark.scenario("H18")
def test_a_missing_program_is_one_error_and_exit_code_1(lobu: Terminal, person: Person) -> None:
    printed = lobu("exec", "--json", "--", "/nowhere/agent")

    assert printed.code == 1
    assert "cannot be started" in only_end(person, printed)["message"]


@pytest.mark.scenario("H18")
def test_no_command_is_exit_code_2(lobu: Terminal) -> None:
    assert lobu("exec").code == 2


@pytest.mark.scenario("H19")
def test_a_line_beyond_the_cap_fails_closed(
    lobu: Terminal, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LINE_BYTES", 100_000)

    printed = lobu(*python("print('fine'); print('x' * 1_000_000); print('after')"))

    assert printed.code == 1
    assert "cannot be kept" in only_end(person, printed)["message"]
    assert text_of(events_of(person, printed)) == "fine\n"


def test_a_call_that_the_agent_left_open_gets_a_result(lobu: Terminal, person: Person) -> None:
    lines = [
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "t"},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
        {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
    ]

    printed = lobu(*python(f"import json\nfor e in {lines}: print(json.dumps(e))"))

    assert printed.code == 0
    assert [e["type"] for e in events_of(person, printed)][-3:] == [
        "TEXT_MESSAGE_END",
        "TOOL_CALL_RESULT",
        "RUN_FINISHED",
    ]


def test_something_left_behind_does_not_hold_the_run(lobu: Terminal, tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid)"

    printed = lobu(*python(code))

    assert printed.code == 0
    (thread,) = [t for t in lobu("threads", "--json").json if t["threadId"] == printed.json["threadId"]]
    assert thread["status"] == "idle"


def test_its_agent_is_nobodys_choice(lobu: Terminal, person: Person) -> None:
    printed = lobu(*python("import os; print(os.environ['LOBU_RUN_ID'])"))

    names = [agent["name"] for agent in person.ok(person.http.get("agents"))["agents"]]

    assert text_of(events_of(person, printed)).strip() == printed.json["runId"]
    assert not [name for name in names if name.startswith("python")]


def begun(lobu: Terminal, person: Person, code: str) -> tuple[subprocess.Popen[bytes], dict[str, Any], int]:
    """A command line in a process of its own that has said its first words: itself, its run, its child's pid."""
    known = {run["runId"] for run in lobu("runs", "--json").json}
    process = lobu.start(
        "exec", "--json", "--", sys.executable, "-uc", f"import os, time; print(os.getpid()); {code}"
    )

    def look() -> Any:
        runs = person.ok(person.http.get("runs"))["runs"]
        found = [r for r in runs if r["runId"] not in known]
        if not found:
            return None
        said = text_of([event for _, event in person.journal(found[0]["threadId"])])
        return (found[0], int(said)) if said.strip() else None

    run, pid = wait_for("the command's first words", look, 60)
    return process, run, pid


@pytest.mark.scenario("H18")
@pytest.mark.parametrize(("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_cancels_the_run_ends_the_command_and_says_so(
    lobu: Terminal, person: Person, which: signal.Signals, code: int
) -> None:
    process, run, pid = begun(lobu, person, "time.sleep(60)")

    process.send_signal(which)
    process.communicate(timeout=30)

    assert process.returncode == code
    assert person.run(run["runId"])["status"] == "cancelled"
    assert not psutil.pid_exists(pid)


def test_a_person_cancels_the_run_and_the_command_ends(lobu: Terminal, person: Person) -> None:
    process, run, pid = begun(lobu, person, "time.sleep(60)")

    person.cancel(run["runId"])
    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert b"ended by the server" in err
    assert not psutil.pid_exists(pid)


def test_killed_it_leaves_no_orphan(lobu: Terminal, person: Person) -> None:
    process, _, pid = begun(lobu, person, "time.sleep(60)")

    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)

    wait_for("the command's end", lambda: not psutil.pid_exists(pid))


@pytest.mark.scenario("H1")
def test_a_restart_of_the_server_loses_and_repeats_nothing(
    server: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lobu, person, go_on = Terminal(server, monkeypatch, capfd), Person(server), tmp_path / "go on"
    tick = f"print(json.dumps({{**{CUSTOM}, 'value': n}}), flush=True)"
    code = f"""
import json, os, pathlib, time
print('{json.dumps({**CUSTOM, "name": "first"})}', flush=True)
for n in range(100): {tick}
while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)
for n in range(100, 200): {tick}
"""
    process = lobu.start("exec", "--json", "--", sys.executable, "-c", code)
    (run,) = wait_for("the run", lambda: person.ok(person.http.get("runs"))["runs"], 60)
    person.wait_until_seen(run["threadId"], "first")

    server.kill()
    go_on.touch()
    server.restart()
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    events = person.finish(run["threadId"], json.loads(out)["runId"])
    assert [e["value"] for e in events if e.get("name") == "tick"] == list(range(200))
