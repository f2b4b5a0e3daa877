"""The cell's output reads well without us: complete, bounded, escaped, the same each time."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from lobu_jupyter.model.cut import cut
from lobu_jupyter.model.interrupts import QUESTION
from lobu_jupyter.notebook.output.bounded import MOST_BYTES, bounded
from lobu_jupyter.notebook.output.cell_output import MIME, bundle_of
from lobu_jupyter.notebook.output.render import html_of, text_of
from tests.notebook import journal as j

PNG = base64.b64encode(b"\x89PNG" + bytes(300)).decode()
PLOT = {"output_type": "display_data", "data": {"image/png": PNG, "text/plain": "<Figure>"}, "metadata": {}}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m\n"}


def _forms(*events: j.Event) -> tuple[str, str]:
    chain = j.chain_of(*events)
    return text_of(chain.state(), chain.status), html_of(chain.state(), chain.status)


def test_a_whole_run_is_in_the_text() -> None:
    text, _ = _forms(
        j.started(), *j.said("Let me see."), *j.called(), j.output(PRINTED), j.output(PLOT, index=1), j.result("ok"),
        *j.said("There it is.", "m2"), j.finished(),
    )  # fmt: skip

    assert text.split("\n") == [
        "> plot sales by month",
        "Let me see.",
        "▸ run_code (done)",
        "    1 + 1",
        "  | red",
        "  | [image]",
        "There it is.",
    ]


def test_both_forms_say_that_an_answer_was_cut() -> None:
    text, html = _forms(j.started(), *j.said("Half"), cut("length"), j.finished())

    assert text.split("\n")[-1] == "· The answer was cut at the model's limit."
    assert "The answer was cut at the model&#x27;s limit." in html


def test_the_html_holds_the_image_and_no_colour_codes() -> None:
    _, html = _forms(
        j.started(), *j.called(), j.output(PRINTED), j.output(PLOT, index=1), j.result("ok"), j.finished()
    )

    assert f'src="data:image/png;base64,{PNG}"' in html
    assert "red" in html
    assert "\x1b" not in html


@pytest.mark.scenario("E29")
def test_what_has_no_card_of_its_own_is_shown_raw() -> None:
    text, html = _forms(
        j.started(), {"type": "RAW", "event": {"type": "NEW_THING", "x": 1}, "source": "unknown"},
        j.custom("theirs", {"a": 1}), *_thought("Hm."), j.finished(),
    )  # fmt: skip

    for form in (text, html):
        assert "NEW_THING" in form
        assert "theirs" in form
        assert "Hm." in form


def _thought(text: str) -> list[j.Event]:
    return [
        {"type": "REASONING_START", "messageId": "s"},
        {"type": "REASONING_MESSAGE_START", "messageId": "r", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "r", "delta": text},
        {"type": "REASONING_MESSAGE_END", "messageId": "r"},
        {"type": "REASONING_END", "messageId": "s"},
    ]


def test_an_open_question_comes_with_the_python_that_answers_it() -> None:
    text, html = _forms(j.started(), *j.called(), j.paused())

    for form in (text, html):
        assert "needs approval" in form
        assert "run.approve()" in form
        assert "run.edit(code=…)" in form
        assert "%lobu approve" in form
    assert "Run this code?" in text


def test_each_of_several_questions_says_how_it_is_named() -> None:
    text, _ = _forms(
        j.started(), *j.called("c1"), *j.called("c2"), j.paused(j.asked("i1", "c1"), j.asked("i2", "c2")),
    )  # fmt: skip

    assert "? (0) Run this code?" in text
    assert 'run.approve(1) · run.edit(code=…, which=1) · run.reject("why", 1) · %lobu approve 1' in text


def test_a_question_of_the_agent_shows_its_options() -> None:
    question = {"id": "q", "question": "Which colour?", "options": ["red", "blue"]}

    text, _ = _forms(
        j.started(),
        *j.called(name="ask_user", args="{}"),
        j.paused(j.asked(reason=QUESTION, questions=[question], decisions=("answer", "reject"))),
    )

    assert "- blue" in text
    assert 'run.answer("red")' in text


@pytest.mark.scenario("A33")
def test_a_question_says_when_the_variables_are_gone() -> None:
    lost = j.custom("lobu.kernel", {"what": "restarted", "message": "The kernel was restarted."})

    text, _ = _forms(j.started(), *j.called(), j.paused(), lost)

    assert "Variables this code needs may be missing" in text


def test_an_edited_call_shows_what_ran() -> None:
    decision = j.decided(kind="edit", editedArgs={"code": "2 + 2"})

    text, _ = _forms(
        j.started(), *j.called(), j.paused(), j.started("run_2", "", parentRunId="run_1"), decision, j.result("4"),
        j.finished("run_2"),
    )  # fmt: skip

    assert "2 + 2" in text
    assert "1 + 1" not in text
    assert "approved, edited" in text


def test_an_error_is_told_with_its_code() -> None:
    text, html = _forms(j.started(), *j.said("Half an ans"), j.failed("kernel_died", "Run the cells again."))

    assert text.endswith("✗ kernel_died: Run the cells again.")
    assert "Half an ans" in html


def test_html_is_escaped_and_has_no_script() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    page = {"output_type": "display_data", "data": {"text/html": evil, "text/plain": evil}, "metadata": {}}
    image = {"output_type": "display_data", "data": {"image/png": '"><script>'}, "metadata": {}}

    _, html = _forms(
        j.started(prompt=evil), *j.said(evil), *j.called(args=json.dumps({"code": evil})), j.output(page),
        j.output(image, index=1), j.result(evil), j.failed("internal", evil),
    )  # fmt: skip

    tags = _Tags()
    tags.feed(html)
    assert tags.seen <= {"div", "b", "pre", "img", "code"}
    assert not tags.handlers


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def _huge() -> list[j.Event]:
    events = [j.started()]
    for n in range(60):
        call = f"c{n}"
        picture = {**PLOT, "data": {"image/png": "A" * 60_000}}
        printed = {**PRINTED, "text": "x" * 60_000}
        events += [
            *j.called(call),
            j.output(printed, call),
            j.output(picture, call, 1),
            j.result("y" * 60_000, call),
        ]
    return [*events, *j.said("The end."), j.finished()]


def test_a_huge_run_is_bounded_and_keeps_its_end() -> None:
    bundle = bundle_of(j.chain_of(*_huge()), "thread_1", "plot")

    for mime in ("text/plain", "text/html"):
        assert len(bundle[mime].encode()) <= MOST_BYTES
        assert "The end." in bundle[mime]
        assert "too long" in bundle[mime]
    assert len(json.dumps(bundle[MIME]["snapshot"])) <= MOST_BYTES


def test_a_bounded_state_is_a_copy() -> None:
    state: dict[str, Any] = j.chain_of(j.started(), *j.said("hi"), j.finished()).state()

    small = bounded(state)
    small["items"].clear()

    assert state["items"]


def test_the_bundle_has_a_snapshot_once_there_is_a_pause_or_an_end() -> None:
    running, waiting = j.chain_of(j.started()), j.chain_of(j.started(), *j.called(), j.paused())

    bundles = [bundle_of(chain, "thread_1", "plot sales by month") for chain in (running, waiting)]

    assert "snapshot" not in bundles[0][MIME]
    assert bundles[1][MIME]["snapshot"]["interrupts"][0]["id"] == "i1"
    assert bundles[1][MIME] | {"snapshot": None} == {
        "version": 1,
        "threadId": "thread_1",
        "runId": "run_1",
        "cursor": 5,
        "prompt": "plot sales by month",
        "snapshot": None,
    }


def test_the_fallbacks_know_no_time_and_no_random_ids() -> None:
    text, html = _forms(j.started(), *j.called(), j.paused(j.asked("interrupt_0123456789abcdef")))

    assert not re.search("[0-9a-f]{16}", text + html)


def test_lines_and_marks_of_an_answer_stay_without_any_style() -> None:
    _, html = _forms(
        j.started("run_1", "plot\nby month"), *j.said("Using `sales`.\n**Bold**: 2 ** 3 ** 4 <b>")
    )

    assert "plot<br>by month" in html
    assert "Using <code>sales</code>.<br><b>Bold</b>: 2 ** 3 ** 4 &lt;b&gt;" in html
