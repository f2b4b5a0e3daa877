"""The script agent does what the lines say, and goes on after each result."""

from __future__ import annotations

import msgspec
import pytest

from lobu_jupyter.agents.builtin.script import parse, script
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.policy import Policy
from lobu_jupyter.model.ports import KernelInfo
from tests.agents.bench import FakeKernel, policy, resume, run, task_for

ALLOW = policy(run={"mode": "allow"})


async def test_say_is_streamed_by_words_and_think_is_reasoning() -> None:
    ended = await run(script(), task_for("say one two three\nthink hm well\nsay four"))

    deltas = [e["delta"] for e in ended.events if e["type"] == "TEXT_MESSAGE_CONTENT"]
    thought = "".join(e["delta"] for e in ended.events if e["type"] == "REASONING_MESSAGE_CONTENT")
    assert deltas[:3] == ["one", " two", " three"]
    assert thought == "hm well"
    assert ended.text == "one two three\nfour\nDone."


async def test_slow_says_that_many_words() -> None:
    ended = await run(script(), task_for("slow 5 1"))

    assert ended.text.startswith("word1 word2 word3 word4 word5 ")
    assert ended.types.count("TEXT_MESSAGE_CONTENT") >= 5


async def test_lines_run_one_after_the_other_and_the_end_says_what_each_returned() -> None:
    kernel = FakeKernel()

    ended = await run(script(), task_for("run a = 20\nsay between\nrun a + 1", policy=ALLOW), kernel)

    assert kernel.ran == ["a = 20", "a + 1"]
    assert ended.types.index("TOOL_CALL_RESULT") < ended.types.index("TEXT_MESSAGE_START")
    assert "between" in ended.text
    assert ended.text.endswith("Done.\nrun_code: The code ran and gave no output.\nrun_code: 21")


async def test_a_script_resumes_where_it_paused_and_repeats_no_call() -> None:
    kernel, task = FakeKernel(), task_for("say a\nrun x = 1\nsay b\nrun x + 1\nsay c")

    first = await run(script(), task, kernel)
    second = await resume(script(), task, first, kernel, "approve")
    third = await resume(script(), task, second, kernel, "approve")

    assert kernel.ran == ["x = 1", "x + 1"]
    assert (first.text, second.text) == ("a\n", "b\n")
    assert third.text.startswith("c\nDone.")
    assert "2" in third.text


async def test_the_next_prompt_of_a_thread_starts_its_own_script() -> None:
    call = {"id": new_id("call"), "type": "function", "function": {"name": "run_code", "arguments": "{}"}}
    messages = (
        {"id": "1", "role": "user", "content": "run 1"},
        {"id": "2", "role": "assistant", "toolCalls": [call]},
        {"id": "3", "role": "tool", "toolCallId": call["id"], "content": "1"},
        {"id": "4", "role": "assistant", "content": "Done."},
        {"id": "5", "role": "user", "content": "say again\nrun 2"},
    )
    kernel = FakeKernel()

    ended = await run(script(), task_for("", messages=messages, policy=ALLOW), kernel)

    assert kernel.ran == ["2"]
    assert ended.text.startswith("again\n")


def test_the_lines_are_understood() -> None:
    lines = "run if True:\n    x = 1\n    y = 2\nrun\n  z = 3\nwrite a/b.txt some text\\nmore\nask Q? | a | b\n# no\n"
    steps = parse(lines + 'tool t {"k": [1]} && run 1\nrun a && b')

    calls = [step.calls for step in steps]

    assert calls[0] == (("run_code", {"code": "if True:\n    x = 1\n    y = 2"}),)
    assert calls[1] == (("run_code", {"code": "z = 3"}),)
    assert calls[2] == (("write_file", {"path": "a/b.txt", "content": "some text\nmore"}),)
    assert calls[3] == (("ask_user", {"questions": [{"question": "Q?", "options": ["a", "b"]}]}),)
    assert calls[4] == (("t", {"k": [1]}), ("run_code", {"code": "1"}))
    assert calls[5] == (("run_code", {"code": "a && b"}),)


async def test_an_unknown_line_is_named_with_what_would_be_known() -> None:
    ended = await run(script(), task_for("dance wildly"))

    assert "dance wildly" in ended.text
    assert "say TEXT" in ended.text
    assert ended.error is None


async def test_fail_ends_the_run_with_a_provider_error_and_keeps_what_was_said() -> None:
    ended = await run(script(), task_for("say so far\nfail 503 out of coffee"))

    assert ended.error is not None
    assert ended.error.code == "provider_error"
    assert "out of coffee" in ended.error.message
    assert "503" in ended.error.message
    assert ended.text == "so far\n"


async def test_a_generic_tool_line_calls_any_tool() -> None:
    kernel = FakeKernel(sales=[1, 2])

    ended = await run(script(), task_for("tool list_variables {}"), kernel)

    assert "sales" in next(iter(ended.results.values()))


@pytest.mark.parametrize("prompt", ["", "   ", "\n\n"])
async def test_an_empty_script_says_what_it_could_do(prompt: str) -> None:
    ended = await run(script(), task_for(prompt, policy=Policy()))

    assert "run CODE" in ended.text


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (None, "No kernel is running for this notebook."),
        (KernelInfo(kernel_id="k", incarnation=1), "it runs elsewhere, as behind a Jupyter gateway"),
    ],
    ids=["none", "out of reach"],
)
async def test_without_a_kernel_the_result_says_why_and_what_to_do(info: KernelInfo | None, why: str) -> None:
    task = task_for("run 1", policy=ALLOW)

    ended = await run(script(), msgspec.structs.replace(task, kernel=info), None)

    (result,) = ended.results.values()
    assert result.endswith("run_code was not run.")
    assert why in result
