"""`%lobu` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import lobu_jupyter
from lobu_jupyter.model.errors import ThreadBusy
from lobu_jupyter.model.requests import NewThread
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.notebook import api, commands, session
from lobu_jupyter.notebook.magic import COMMANDS, OPTIONS, filled, split
from lobu_jupyter.notebook.output.cell_output import MIME
from lobu_jupyter.notebook.run import Run

from . import journal as j
from .fake import FakeSession, run_row, thread_row

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "lobu_jupyter")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    link = FakeSession()
    monkeypatch.setattr(session, "reaching", lambda: link)
    for module in (
        api,
        commands,
    ):  # a run that no worker ends is shown as it is; test_executed.py has the rest
        monkeypatch.setattr(module, "show_when_settled", Run.show)
    return link


@pytest.mark.parametrize(
    ("line", "options", "prompt"),
    [
        ("plot sales by month", [], "plot sales by month"),
        ("--wait plot it", ["--wait"], "plot it"),
        ("plot it --wait --timeout 3", ["--wait", "--timeout", "3"], "plot it"),
        ("--thread 'my work' don't stop", ["--thread", "my work"], "don't stop"),
        ("--agent=script say hi", ["--agent", "script"], "say hi"),
        ("say  two   spaces", [], "say  two   spaces"),
        ("-- --wait is an option", [], "--wait is an option"),
        ("--new -- plot --wait", ["--new"], "plot --wait"),
        ('say "it costs $5"', [], 'say "it costs $5"'),
        ("what does git commit --amend do", [], "what does git commit --amend do"),
        ("", [], ""),
    ],
)
def test_options_stand_before_or_after_a_prompt_that_stays_as_written(
    line: str, options: list[str], prompt: str
) -> None:
    assert split(line) == (options, prompt)


@pytest.mark.parametrize("line", ["--wiat plot it", "plot it --wiat"])
def test_an_unknown_option_names_what_is_near_it(line: str) -> None:
    with pytest.raises(UsageError, match=r"no option --wiat. Did you mean --wait\?"):
        split(line)


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(UsageError, match="--thread needs a value"):
        split("--thread")


def test_a_prompt_starts_a_run_and_shows_it(shell: Any, link: FakeSession, capsys: Any) -> None:
    run = shell.run_line_magic("lobu", "--agent script --mode ask --thread mine say hi")

    (request,) = link.client.requests
    assert (request.prompt, request.agent, request.mode, request.answerable) == (
        "say hi",
        "script",
        "ask",
        True,
    )
    assert link.client.created == [NewThread(name="mine", reuse=True)]
    assert "> say hi" in capsys.readouterr().out
    assert run.run_id == "run_1"


def test_the_cell_is_the_rest_of_the_prompt(shell: Any, link: FakeSession) -> None:
    shell.run_cell_magic("lobu", "--agent script", "run print(1)\n  print(2)\n")

    assert link.client.requests[0].prompt == "run print(1)\n  print(2)"


class Booms:
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("plot {column}", "plot revenue"),
        ("plot {column}, then {x}.", "plot revenue, then 1."),
        ("plot {column} and {1 + 1}", "plot {column} and {1 + 1}"),
        ("it costs $5, $column", "it costs $5, $column"),
        ('return {"a": 1} and {column}', 'return {"a": 1} and {column}'),
        ("what is {unknown} of {column}", "what is {unknown} of revenue"),
        ("review this: print(f'{boom()}')", "review this: print(f'{boom()}')"),
        ("review this: print(f'{column}')", "review this: print(f'{column}')"),
        (r"solve \frac{x}{2}", r"solve \frac{x}{2}"),
        (r"solve $x^{x}$ and {x}", r"solve $x^{x}$ and {x}"),
        ('send {"x": {x}}', 'send {"x": {x}}'),
        ("{{x}}", "{{x}}"),
        ("{column.upper()} {column!r} {column:>9} {boom}", "{column.upper()} {column!r} {column:>9} {boom}"),
        ("{x.__class__}", "{x.__class__}"),
        ("{} {0} {_} { x } {x", "{} {0} {_} { x } {x"),
        ("{In} {_hidden} {booms}", "{In} {_hidden} {booms}"),
    ],
)
def test_a_prompt_is_text_and_only_names_are_filled_in(
    shell: Any, link: FakeSession, prompt: str, sent: str
) -> None:
    ran: list[str] = []
    shell.user_ns.update(column="revenue", x=1, boom=lambda: ran.append("boom"), booms=Booms(), _hidden=2)

    shell.run_line_magic("lobu", prompt)
    shell.run_line_magic("lobu", f"ask {prompt}")
    shell.run_cell_magic("lobu", "", prompt)
    shell.run_cell(f"%lobu {prompt}")
    shell.run_cell(f"%%lobu\n{prompt}")
    shell.run_cell(f"run = %lobu {prompt}")

    assert [request.prompt for request in link.client.requests] == [sent] * 6
    assert ran == []


@pytest.mark.parametrize("command", ["attach", "threads", "reject", "answer", "export", "policy", "grants"])
def test_a_command_evaluates_nothing_in_braces(shell: Any, link: FakeSession, command: str) -> None:
    ran: list[str] = []
    shell.user_ns["boom"] = lambda: ran.append("boom") or "x"

    shell.run_cell(f"%lobu {command} {{boom()}}")

    assert ran == []


def test_json_prints_the_run_instead_of_showing_it(shell: Any, link: FakeSession, capsys: Any) -> None:
    assert shell.run_line_magic("lobu", "--json say hi") is None

    printed = json.loads(capsys.readouterr().out)
    assert (printed["runId"], printed["status"], printed["prompt"]) == ("run_1", "running", "say hi")


def test_a_word_of_the_manual_is_a_command_unless_ask_stands_before_it(shell: Any, link: FakeSession) -> None:
    shell.run_line_magic("lobu", "ask wait for the data")

    assert link.client.requests[0].prompt == "wait for the data"
    with pytest.raises(UsageError, match="write %lobu ask wait for the data"):
        shell.run_line_magic("lobu", "wait for the data")


def test_a_command_takes_no_option_of_a_prompt(shell: Any, link: FakeSession) -> None:
    with pytest.raises(UsageError, match="--wait goes with a prompt"):
        shell.run_line_magic("lobu", "runs --wait")


def test_a_cell_without_a_prompt_is_a_usage_error(shell: Any, link: FakeSession) -> None:
    with pytest.raises(UsageError, match="Write a prompt"):
        shell.run_cell_magic("lobu", "", " \n")


def test_every_word_of_the_manual_is_a_command() -> None:
    assert {"ask", *commands.COMMANDS} == COMMANDS.keys()


def test_help_lists_every_command_and_the_manual_every_option(shell: Any, capsys: Any) -> None:
    shell.run_line_magic("lobu", "help")

    told = capsys.readouterr().out
    manual = shell.find_line_magic("lobu").__doc__
    assert all(f"%lobu {word}" in told for word in COMMANDS)
    assert all(
        option in manual for option in ("--model", "--agent", "--thread", "--new", "--wait", "--timeout")
    )
    assert all(option in manual for option in ("--mode", "--json"))


def test_approve_and_reject_decide_what_the_notebooks_run_asks(shell: Any, link: FakeSession) -> None:
    link.client.write(j.started(), *j.called(), j.paused())
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.INTERRUPTED)]

    shell.run_line_magic("lobu", "reject not by month, by week")

    ((entry,),) = link.client.resumed
    assert entry["payload"] == {"approved": False, "reason": "not by month, by week"}


@pytest.mark.parametrize(
    ("line", "grant"), [("approve --grant call", "call"), ("approve 0 --grant thread_all", "thread_all")]
)
def test_approve_may_grant_later_calls_too(shell: Any, link: FakeSession, line: str, grant: str) -> None:
    link.client.write(j.started(), *j.called(), j.paused())
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.INTERRUPTED)]

    shell.run_line_magic("lobu", line)

    ((entry,),) = link.client.resumed
    assert entry["payload"] == {"approved": True, "grant": grant}


@pytest.mark.parametrize("line", ["approve --grant", "approve --grant ever", "approve 1 --grantcall x"])
def test_approve_with_an_unknown_grant_approves_nothing(shell: Any, link: FakeSession, line: str) -> None:
    link.client.write(j.started(), *j.called(), j.paused())
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.INTERRUPTED)]

    with pytest.raises(UsageError, match="--grant call"):
        shell.run_line_magic("lobu", line)

    assert link.client.resumed == []


@pytest.mark.parametrize("line", ["approve", "reject no", "answer blue"])
def test_a_decision_after_a_click_is_a_note_and_no_error(
    shell: Any, link: FakeSession, capsys: Any, line: str
) -> None:
    link.client.write(j.started(), j.finished())
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.SUCCEEDED)]

    shell.run_line_magic("lobu", line)

    assert "Nothing to approve here (already decided)" in capsys.readouterr().out
    assert link.client.resumed == []


def test_a_batch_is_decided_call_by_call_over_several_cells(
    shell: Any, link: FakeSession, capsys: Any
) -> None:
    link.client.write(j.started(), *j.called("c1"), *j.called("c2"))
    link.client.write(j.paused(j.asked("i1", "c1"), j.asked("i2", "c2")))
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.INTERRUPTED)]

    shell.run_line_magic("lobu", "approve 1")
    shell.run_line_magic("lobu", "reject 0 not this one")

    ((first, second),) = link.client.resumed
    assert first["payload"] == {"approved": False, "reason": "not this one"}
    assert second["payload"] == {"approved": True}
    assert capsys.readouterr().out.splitlines()[0] == "Approved. 1 more to decide."


@pytest.mark.parametrize(
    ("line", "why"),
    [("approve 7", "There is no open question 7; name one"), ("approve", "Several questions are open")],
)
def test_a_decision_on_no_question_names_those_that_are_open(
    shell: Any, link: FakeSession, line: str, why: str
) -> None:
    link.client.write(j.started(), j.paused(j.asked("i1", "c1"), j.asked("i2", "c2")))
    link.client.rows = [run_row(start_cursor=1, status=RunStatus.INTERRUPTED)]

    with pytest.raises(UsageError, match=why) as caught:
        shell.run_line_magic("lobu", line)

    assert "1: Run this code?" in str(caught.value)


def test_a_wish_for_help_is_not_taken_for_the_manual(shell: Any, link: FakeSession) -> None:
    with pytest.raises(UsageError, match="write %lobu ask help me plot"):
        shell.run_line_magic("lobu", "help me plot")


def test_an_error_shows_the_persons_line_and_none_of_ours(shell: Any, link: FakeSession) -> None:
    link.client.refuse = ThreadBusy()
    cell = compile("x = 1\nlobu.ask('go')", "cell", "exec")

    with pytest.raises(ThreadBusy) as caught:
        exec(cell, {"__name__": "__main__", "lobu": lobu_jupyter})

    shown = caught.value._render_traceback_()
    assert shown[-2].startswith("line 2 of the cell")
    assert shown[-1].startswith("ThreadBusy: A run is under way")
    assert not any("lobu_jupyter/" in line for line in shown)


def test_wait_returns_the_notebooks_run(shell: Any, link: FakeSession) -> None:
    link.client.write(j.started(), *j.said("Done."), j.finished())
    link.client.rows = [run_row(start_cursor=1)]

    assert shell.run_line_magic("lobu", "wait").text == "Done."


def test_wait_in_a_cell_stays_with_the_thread_that_the_cell_asked(
    shell: Any, link: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []
    monkeypatch.setattr(link, "thread", lambda name=None, new=False: thread_row(thread_id=f"t_{name}"))
    monkeypatch.setattr(commands, "ask_and_show", lambda link, thread_id, prompt, **options: None)
    monkeypatch.setattr(commands, "_latest_of", lambda link, thread_id: waited.append(thread_id))
    for cell, line in [("m1", "--thread other say hi"), ("m1", "wait"), ("m2", "wait")]:
        monkeypatch.setattr(shell.display_pub, "parent_header", {"msg_id": cell}, raising=False)
        if line == "wait":
            commands._latest()
        else:
            shell.run_line_magic("lobu", line)

    assert waited == ["t_other", j.T]


def test_runs_are_a_table(shell: Any, link: FakeSession) -> None:
    link.client.rows = [run_row(status=RunStatus.SUCCEEDED)]

    table = shell.run_line_magic("lobu", "runs")

    assert "run_1" in repr(table)
    assert "<td" in table._repr_mimebundle_()["text/html"]


def test_the_output_is_our_mime_type_with_two_fallbacks(shell: Any, link: FakeSession) -> None:
    link.client.write(j.started(), *j.said("Done."), j.finished())
    link.client.rows = [run_row(start_cursor=1)]

    bundle = shell.run_line_magic("lobu", "wait")._repr_mimebundle_()

    assert list(bundle) == [MIME, "text/plain", "text/html"]
    assert bundle[MIME]["snapshot"]["items"][-1]["content"] == "Done."


def test_load_ext_is_quick_and_reads_no_library_of_models_or_http() -> None:
    code = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config(); config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
before = set(sys.modules); began = time.process_time()  # of the CPU: the machine may be busy
shell.run_line_magic("load_ext", "lobu_jupyter")
took = time.process_time() - began
import json; print(json.dumps([took, sorted(set(sys.modules) - before)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    took, modules = json.loads(done.stdout)
    heavy = {
        "pydantic_ai",
        "openai",
        "anthropic",
        "httpx",
        "msgspec",
        "tornado",
        "pandas",
        "pydantic",
        "anyio",
    }
    assert not heavy & {module.partition(".")[0] for module in modules}
    assert took < 0.15


def test_importing_us_reads_nothing_but_ourselves() -> None:
    code = """
import sys; before = set(sys.modules)
import lobu_jupyter
print({m for m in set(sys.modules) - before if m.partition(".")[0] not in sys.stdlib_module_names})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "{'lobu_jupyter'}"


def test_the_public_names_are_there() -> None:
    import lobu_jupyter as lobu

    assert all(getattr(lobu, name) is not None for name in lobu.__all__)
    assert set(lobu.__all__) <= set(dir(lobu))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lobu.nonsense  # noqa: B018


def test_what_was_granted_is_listed_in_words_and_revoked(shell: InteractiveShell, link: FakeSession) -> None:
    link.client.grants = [
        {"grantId": "g1", "tool": "run_code", "scope": "notebook", "covers": "simple", "by": "ada"},
        {"grantId": "g2", "tool": "a[*]b", "scope": "thread", "covers": "all", "by": "ada"},
    ]

    listed = repr(shell.run_line_magic("lobu", "grants"))
    policy = repr(shell.run_line_magic("lobu", "policy"))
    left = repr(shell.run_line_magic("lobu", "grants revoke g1"))
    none = repr(shell.run_line_magic("lobu", "grants revoke g2"))

    for shown in (listed, policy):
        assert "simple code in this notebook" in shown
        assert "every a*b call in this chat" in shown
    assert "g2" in left
    assert "g1" not in left
    assert none.startswith("Nothing was granted here")


@pytest.mark.parametrize(
    ("line", "why"), [("grants revoke g9", "no such grant"), ("grants for research", "%lobu ask grants")]
)
def test_what_is_no_grant_is_said_in_a_line(
    shell: InteractiveShell, link: FakeSession, line: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        commands.COMMANDS["grants"](line.partition(" ")[2])


AGENT = {
    "agent": "robot",
    "options": [{"category": "model"}, {"category": "other"}],
    "commands": [{"name": "plan"}, {"name": "mcp:box.a"}, {"name": "no name"}, {"name": 5}, {}],
}


def completions(shell: InteractiveShell, line: str) -> list[str]:
    with provisionalcompleter():
        return [one.text for one in shell.Completer.completions(line, len(line))]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("%lobu app", ["approve"]),
        ("%lobu --ag", ["--agent"]),
        ("%%lobu --mod", ["--model", "--mode"]),
        ("%%lobu app", []),
        ("%lobu plot app", []),
        ("%lobu /", ["/mcp:box.a", "/model", "/plan"]),
        ("%lobu /p", ["/plan"]),
        ("%lobu --agent robot /p", ["/plan"]),
        ("%lobu --agent other /p", []),
    ],
)
def test_what_is_typed_after_it_completes(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, line: str, found: list[str]
) -> None:
    state = {"items": [{"kind": "notice", "name": "lobu.agent", "value": AGENT}]}
    link = FakeSession()
    monkeypatch.setattr(link, "known_thread", thread_row)
    monkeypatch.setattr(link.client.runs, "snapshot", lambda _: state, raising=False)
    monkeypatch.setattr(session, "opened", lambda: link)

    offered = completions(shell, line)

    ours = (
        {"/plan", "/mcp:box.a", "/no name", "/5", "/model", "/mode"} if "/" in line else {*COMMANDS, *OPTIONS}
    )
    assert [one for one in offered if one in ours] == found  # beside names of files and variables


def test_completion_starts_no_server_and_never_fails(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/plan" not in completions(shell, "%lobu /p")

    def busy() -> None:
        raise ThreadBusy

    link = FakeSession()
    monkeypatch.setattr(link, "known_thread", busy)
    monkeypatch.setattr(session, "opened", lambda: link)
    assert "/plan" not in completions(shell, "%lobu /p")


class Unsayable:
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("plot {größe} by {x}.", "plot 5 by 1."),
        ("{x}\n{x}", "1\n1"),
        ("{nope} {x}", "{nope} 1"),
        *((same, same) for same in (
            "{x.real}", "{x!r}", "{x:>5}", "{x[0]}", "{x=}", "{{x}}", "$x", "${x}", "\\{x\\}", 'f"{x}"', "({x})",
            "{ x }", "{x", "{0}", "{}", '{x} and {"a": 1}', "a{x}", "{x}{x}", "{bad}", "\\frac{x}{2}",
        )),
    ],
)  # fmt: skip
def test_a_prompt_is_text_with_plain_names_filled_in(prompt: str, sent: str) -> None:
    assert filled(prompt, {"x": 1, "größe": 5, "bad": Unsayable()}, {}) == sent
