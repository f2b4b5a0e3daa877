"""A person at a terminal: short ids and times, tables cut to its width, markdown, the inbox that asks."""

from __future__ import annotations

import os
import pty
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import pytest

from lobu_jupyter.cli import printing
from lobu_jupyter.cli.markdown import MarkdownScreen
from lobu_jupyter.cli.names import distance, only, short_id
from lobu_jupyter.cli.printing import put_table
from lobu_jupyter.cli.table import ListColumn, drawn

from .test_commands import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.person import Person

    from .terminal import Terminal

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ONE, TWO = "thread_" + "9f3a1c2d" * 4, "thread_" + "9f3a0000" * 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "just now"),
        (59, "59 seconds ago"),
        (61, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400 * 40, "1 month ago"),
        (86400 * 800, "2 years ago"),
        (-86400 * 7, "in 7 days"),
    ],
)
def test_a_time_is_told_by_its_distance(seconds: int, words: str) -> None:
    assert distance((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == words


def test_a_text_that_is_no_time_stays() -> None:
    assert distance("revoked", NOW) == "revoked"


def test_an_id_is_short_and_its_digits_name_it_again() -> None:
    assert short_id(ONE) == "9f3a1c2"
    assert short_id("demo") == "demo"
    assert only("9f3a1c2", [ONE, TWO]) == ONE
    assert only("thread_9f3a0", [ONE, TWO]) == TWO
    assert only("nightly", [ONE, TWO]) == "nightly"
    with pytest.raises(click.UsageError, match="Give more digits"):
        only("9f3a", [ONE, TWO])


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output counts as a terminal of 50 columns."""
    monkeypatch.setattr(printing, "at_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")


COLUMNS = (ListColumn("thread", "id"), ListColumn("title"), ListColumn("note"), ListColumn("updated", "time"))
LONG = "Revenue by month and region, [bold]drawn\x1b[31m as bars"


@pytest.mark.usefixtures("terminal")
def test_a_table_is_cut_to_the_terminal_and_empty_columns_go(capsys: pytest.CaptureFixture[str]) -> None:
    when = (datetime.now(UTC) - timedelta(hours=2)).isoformat()

    put_table(COLUMNS, [(ONE, LONG, "", when), (TWO, "Sales", "", when)], "none")

    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["THREAD", "TITLE", "UPDATED"]
    assert [line.rstrip()[-11:] for line in lines] == ["2 hours ago"] * 2
    assert lines[0].startswith("9f3a1c2  Revenue by month")
    assert "…" in lines[0]
    assert max(map(len, lines)) <= 50


@pytest.mark.usefixtures("terminal")
def test_markup_and_control_characters_of_a_title_are_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    put_table(COLUMNS, [(ONE, LONG, "", "")], "none")

    assert r"[bold]drawn\x1b[31m as bars" in capsys.readouterr().out


def test_wide_characters_count_two_cells_and_a_narrow_terminal_keeps_a_little_of_each() -> None:
    lines = [
        click.unstyle(line)
        for line in drawn((ListColumn("a"), ListColumn("b")), [("売上" * 20, "x" * 40)], 30)
    ]

    assert lines[1] == "売上売上売上…   " + "x" * 13 + "…"
    assert [len(click.unstyle(line)) for line in drawn((ListColumn("a"),), [("x" * 40,)], 3)[1:]] == [8]


def test_a_pipe_gets_whole_values_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    put_table(COLUMNS, [(ONE, LONG, "", "2026-05-01T00:00:00Z")], "none")
    put_table(COLUMNS, [], "No threads.")

    printed = capsys.readouterr()
    assert printed.out.split("\t") == [ONE, LONG.replace("\x1b", r"\x1b"), "", "2026-05-01T00:00:00Z\n"]
    assert printed.err == "No threads.\n"


@pytest.mark.usefixtures("terminal")
def test_markdown_is_drawn_block_by_block(capsys: pytest.CaptureFixture[str]) -> None:
    screen = MarkdownScreen()

    screen.feed("# Sales\n\nA **bold** wo")
    first = capsys.readouterr().out
    screen.feed("rd, <b>html</b> and [a link](https://evil.example/x)\n\n```python\na = 1\n\nb = 2\n")
    second = capsys.readouterr().out
    screen.feed("```\n\nend\x1b[2J")
    screen.close()
    third = capsys.readouterr().out

    assert "Sales" in first
    assert "bold" not in first
    words = " ".join(second.split())
    assert "A bold word, <b>html</b> and a link" in words
    assert "https://evil.example/x" in words
    assert "a = 1" not in second
    assert third.index("a = 1") < third.index("b = 2") < third.index(r"end\x1b[2J")


def test_the_inbox_shows_the_code_asks_and_decides(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "inbox.txt")

    skipped = lobu("inbox", "--thread", thread, typed="s\n")
    left = person.interrupts(thread)
    approved = lobu("inbox", "--thread", thread.partition("_")[2][:12], typed="a\n")

    assert "+hello" in skipped.err
    assert "[a]pprove, [r]eject, [e]dit" in skipped.err
    assert "expires in" in skipped.err
    assert "Skipped." in skipped.err
    assert len(left) == 1
    assert "Decided. Resuming" in approved.err
    assert person.interrupts(thread) == []
    run = next(r for r in lobu("runs", "--thread", thread, "--json").json)
    person.finish(thread, run["runId"])
    assert (lobu.server.root / "inbox.txt").read_text().strip() == "hello"


def test_a_question_in_the_inbox_is_skipped_by_an_empty_answer_and_answered(
    lobu: Terminal, person: Person
) -> None:
    thread = person.thread()
    person.finish(thread, person.start(thread, "ask Which? | red | blue")["runId"])

    skipped = lobu("inbox", "--thread", thread, typed="\n")
    answered = lobu("inbox", "--thread", thread, typed="2\n")

    assert "Skipped." in skipped.err
    assert "Decided." in answered.err
    assert person.interrupts(thread) == []


def test_a_list_of_the_inbox_asks_nothing(lobu: Terminal, person: Person) -> None:
    thread = waiting(person, "listed.txt")

    printed = lobu("inbox", "--thread", thread, "--list", typed="a\n")

    assert "+hello" in printed.out
    assert len(person.interrupts(thread)) == 1


def test_exec_shows_what_its_command_prints(lobu: Terminal) -> None:
    code = "print('**one**'); print('two\\x1b[2J')"

    printed = lobu("exec", "--", sys.executable, "-c", code)

    assert printed.out == "**one**\ntwo\\x1b[2J\n\n"


def test_a_chat_goes_on_with_the_thread_and_kernel_of_a_notebook(lobu: Terminal, person: Person) -> None:
    body = {"path": "cli.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    jupyter = person.http.base_url.join("../../api/sessions")
    kernel = person.ok(person.http.post(jupyter, json=body))["kernel"]["id"]

    first = lobu("chat", "--agent", "script", "--json", "--notebook", "cli.ipynb", "say one").json
    again = lobu("chat", "--agent", "script", "--json", "--notebook", "cli.ipynb", "say two").json
    by_kernel = lobu("chat", "--agent", "script", "--json", "--kernel", kernel[:8], "say three").json

    thread = person.ok(person.http.get(f"threads/{first['threadId']}"))
    assert (thread["notebookPath"], thread["kernelId"]) == ("cli.ipynb", kernel)
    assert again["threadId"] == first["threadId"] == by_kernel["threadId"]


def test_a_chat_on_a_kernel_that_is_not_there_says_which_are(lobu: Terminal) -> None:
    printed = lobu("chat", "--kernel", "nothing", "say hi")

    assert printed.code == 1
    assert "--kernel nothing: the server has no such kernel. Running:" in printed.err
    assert lobu("chat", "--thread", "a", "--kernel", "b", "say hi").code == 2


def test_a_real_terminal_gets_short_ids(lobu: Terminal, person: Person, tmp_path: Path) -> None:
    thread = person.thread(title="Sales in a real terminal")
    code = "import sys; from lobu_jupyter.cli.main import main; main()"
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["COLUMNS"] = "60"
        os.execv(sys.executable, [sys.executable, "-c", code, "threads", "--search", "real terminal"])
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # Linux says so that the terminal's other end has closed
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert short_id(thread) in text
    assert thread not in text
    assert "Sales in a real terminal" in text
