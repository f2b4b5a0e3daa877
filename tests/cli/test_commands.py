"""What the other commands print and do: lists, decisions, export, doctor; each also as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.scenarios.person import Person
from tests.servers import wait_for

from .terminal import Terminal

WRITE = "write {name} hello"


def waiting(person: Person, name: str) -> str:
    """A thread that waits with one write."""
    thread = person.thread()
    person.finish(thread, person.start(thread, WRITE.format(name=name))["runId"])
    return thread


def test_what_waits_is_listed_approved_and_runs(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "approved.txt")

    listed = lobu("inbox", "--thread", thread)
    approved = lobu("approve", thread, "--json")
    person.finish(thread, approved.json["runId"])

    assert "write_file" in listed.out
    assert (lobu.server.root / "approved.txt").exists()
    audit = person.ok(person.http.get("audit", params={"threadId": thread}))["audit"]
    assert [row["via"] for row in audit if row["runId"] == approved.json["runId"]] == ["cli"]


def test_what_waits_is_rejected_with_a_reason(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "rejected.txt")
    (interrupt,) = person.interrupts(thread)

    rejected = lobu("reject", interrupt["id"], "--reason", "not today", "--json")
    events = person.finish(thread, rejected.json["runId"])

    assert "not today" in str(events)
    assert not (lobu.server.root / "rejected.txt").exists()


def test_a_grant_is_listed_in_words_and_revoked(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "granted.txt")
    approved = lobu("approve", thread, "--grant", "thread_all", "--json")
    person.finish(thread, approved.json["runId"])

    listed = lobu("grants", "--thread", thread)
    (grant,) = lobu("grants", "--thread", thread, "--json").json
    revoked = lobu("grants", "revoke", grant["grantId"])
    again = lobu("grants", "revoke", grant["grantId"])

    assert "every write_file call in this chat" in listed.out
    assert (grant["tool"], grant["covers"], grant["threadId"]) == ("write_file", "all", thread)
    assert (revoked.code, again.code) == (0, 1)
    assert "There is no such grant" in again.err
    assert "Nothing is granted" in lobu("grants", "--thread", thread).err


def test_a_chat_without_a_model_is_no_recording(lobu: Terminal, person: Person) -> None:
    thread = person.thread()
    person.finish(thread, person.start(thread, "hello", agent="demo")["runId"])  # rules, no model

    printed = lobu("export", thread, "--recording")

    assert (printed.code, "on which a model has answered" in printed.err) == (1, True)
    assert lobu("export", thread, "--recording", "--json").code == 2


def test_own_limits_are_set_shown_and_removed(lobu: Terminal) -> None:
    shown = lobu("budget", "--set", "day.dollars=2", "--set", "run.tokens=5000", "--json").json
    table = lobu("budget").out
    wrong = lobu("budget", "--set", "week.tokens=5")
    negative = lobu("budget", "--set", "day.tokens=-5")
    cleared = lobu("budget", "--clear", "day.dollars", "--clear", "run.tokens", "--json").json

    assert shown["limits"]["own"]["day"]["dollars"] == 2
    assert "day.dollars" in table
    assert "$2.00" in table
    assert "5,000 tokens" in table
    assert (wrong.code, "'week.tokens' is not one of run.tokens" in wrong.err) == (2, True)
    assert (negative.code, "tokens" in negative.err) == (2, True)
    assert cleared["limits"]["own"]["day"]["dollars"] is None


def test_what_a_run_wrote_is_taken_back_and_made_again(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "undone.txt")
    person.finish(thread, lobu("approve", thread, "--json").json["runId"])
    file = lobu.server.root / "undone.txt"
    assert file.exists()

    done = lobu("undo", thread, "--yes", "--json")
    assert not file.exists()
    again = lobu("undo", thread, "--again", done.json["undoId"], "--yes")

    assert "undone.txt is removed" in done.err
    assert "-hello" in done.err
    assert file.read_text() == "hello"
    assert f"lobu undo {thread} --again undo_" in again.out
    audit = person.ok(person.http.get("audit", params={"threadId": thread}))["audit"]
    assert [row["via"] for row in audit if row["action"] == "undone"] == ["cli", "cli"]


def test_a_question_is_answered(lobu: Terminal, person: Person) -> None:
    thread = person.thread()
    person.finish(thread, person.start(thread, "ask Which? | red | blue")["runId"])

    answered = lobu("answer", thread, "blue", "--json")

    assert "blue" in str(person.finish(thread, answered.json["runId"]))


def test_deciding_where_nothing_waits_is_an_error(lobu: Terminal, person: Person) -> None:
    printed = lobu("approve", person.thread())

    assert printed.code == 1
    assert "Nothing to approve on" in printed.err


def test_runs_threads_and_agents_are_listed(lobu: Terminal, person: Person) -> None:
    thread = person.thread(title="Sales")
    run = person.start(thread, "say hi")["runId"]
    person.finish(thread, run)

    assert run in lobu("runs", "--thread", thread, "--status", "succeeded").out
    assert "Sales" in lobu("threads", "--search", "Sales").out
    assert {"demo", "script"} <= {agent["name"] for agent in lobu("agents", "--json").json}


def test_a_running_run_is_cancelled(lobu: Terminal, person: Person) -> None:
    thread = person.thread()
    run = person.start(thread, "slow 1000 100")["runId"]

    printed = lobu("cancel", run)

    assert "is cancelled" in printed.out


def test_a_thread_is_exported_as_a_new_notebook(lobu: Terminal, person: Person, tmp_path: Path) -> None:
    thread = person.thread()
    person.finish(thread, person.start(thread, "say hi")["runId"])
    file = tmp_path / "out.ipynb"

    first = lobu("export", thread, "-o", str(file))
    again = lobu("export", thread, "-o", str(file))

    assert (first.code, again.code) == (0, 2)
    assert '"nbformat": 4' in file.read_text()
    assert "say hi" in str(lobu("export", thread, "--json").json)


def test_doctor_finds_the_server_and_tells_no_token(lobu: Terminal) -> None:
    printed = lobu("doctor", "--json")

    assert printed.code == 0
    assert printed.json["status"] == "ok"
    assert lobu.server.token not in printed.out


def test_a_running_server_is_found_by_its_own_file(lobu: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOBU_URL")
    monkeypatch.delenv("LOBU_TOKEN")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(lobu.server.home / "runtime"))

    printed = lobu("doctor")

    assert printed.code == 0
    assert f"running, process {lobu.server.pid}" in printed.out


def test_without_a_server_it_says_how_to_start_one(
    lobu: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LOBU_URL")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))

    printed = lobu("runs")

    assert printed.code == 1
    assert "lobu serve" in printed.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(lobu: Terminal, shell: str) -> None:
    assert "_LOBU_COMPLETE" in lobu("completion", shell).out


def test_every_command_has_help_and_json(lobu: Terminal) -> None:
    for command in (
        "chat",
        "exec",
        "runs",
        "threads",
        "agents",
        "inbox",
        "approve",
        "reject",
        "grants",
        "budget",
        "export",
        "doctor",
    ):
        printed = lobu(command, "--help")
        assert (printed.code, "--json" in printed.out) == (0, True), command


def test_serve_is_a_server_that_ends_with_its_command(lobu: Terminal, tmp_path: Path) -> None:
    for folder in ("runtime", "data", "config"):
        (tmp_path / folder).mkdir()
    env = {
        **os.environ,
        **{f"JUPYTER_{name.upper()}_DIR": str(tmp_path / name) for name in ("runtime", "data", "config")},
    }
    command = [sys.executable, "-c", "from lobu_jupyter.cli.main import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, "--allow-root", "--ServerApp.port=0", f"--LobuApp.store_path={tmp_path / 's.sqlite'}"],
        env=env,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        file = tmp_path / "runtime" / f"jpserver-{process.pid}.json"
        wait_for("the server", lambda: _answers(file), 60)
        process.terminate()
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait(timeout=60)

    assert process.returncode == 0


def _answers(file: Path) -> bool:
    """Whether the server that writes this file serves already; a signal before that may be lost."""
    if not file.exists() or not file.read_text().endswith("}"):
        return False
    server = json.loads(file.read_text())
    try:
        return httpx.get(server["url"] + "api").status_code == 200
    except httpx.TransportError:
        return False
