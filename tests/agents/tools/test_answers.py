"""Every tool's answer has one upper bound, the same for the journal and the model, and says how to get the rest."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.answers import MAX_IMAGES, MOST_BYTES, bounded
from lobu_jupyter.agents.tools.base import BoundTool, Call, Result, ToolError
from lobu_jupyter.agents.tools.mcp_results import result_of
from lobu_jupyter.model.events import MAX_EVENT_BYTES, encode
from lobu_jupyter.model.ports import Executed, ToolSpec
from tests.agents.bench import FakeKernel, FakeNotebook, policy, registered, run, task_for

ALLOW = policy(run={"mode": "allow"})
PATH = "work/sales.ipynb"
HUGE = "zeile\u00e9 " * 50_000


class Source:
    """Tools that return or raise something huge."""

    def __init__(self, *tools: BoundTool) -> None:
        self._tools = list(tools)

    async def tools(self, work: Any) -> list[BoundTool]:
        return self._tools


class HugeKernel(FakeKernel):
    async def look(self, expression: str) -> Executed:
        return Executed(ok=True, value=[{"name": "x" * 100, "type": "int"}] * 10_000)

    async def call_tool(
        self, name: str, args: dict[str, Any], on_output: Any, on_waiting: Any, *, approved: Any = None
    ) -> Executed:
        return Executed(ok=True, value=HUGE)


def huge(name: str, *, fails: bool = False, images: int = 0) -> BoundTool:
    async def ran(work: Any, call: Call) -> Result:
        if fails:
            raise ToolError(HUGE)
        return Result(HUGE, tuple(("image/png", bytes([n])) for n in range(images)))

    return BoundTool(ToolSpec(name=name, approval=False), ran, rest="Ask the oracle.")


async def answer(name: str, root: Path, notebook: FakeNotebook, /, **args: Any) -> str:
    agent = script()
    agent._sources = (Source(huge("huge"), huge("failing", fails=True)),)  # pyright: ignore[reportPrivateUsage]
    kernel_info = registered(ToolSpec(name="mine", approval=False))
    line = "\n".join(f"say {HUGE[:20000]}" for _ in range(4)) if name == "delegate" else ""
    prompt = (
        "delegate:\n" + "\n".join(f"    {each}" for each in line.split("\n"))
        if line
        else (f"tool {name} {json.dumps(args)}")
    )
    task = task_for(prompt, policy=ALLOW, notebook_path=PATH, root=str(root), kernel=kernel_info)
    ended = await run(agent, task, HugeKernel(), notebook)
    assert ended.error is None
    results = [event for event in ended.events if event["type"] == "TOOL_CALL_RESULT"]
    assert max(len(encode(event)) for event in results) <= MAX_EVENT_BYTES
    return results[-1]["content"]


CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("run_code", {"code": f"print({HUGE!r})"}, "characters left out"),
    ("list_variables", {}, "describe_variable tells of one of them"),
    ("describe_variable", {"name": "x"}, "Ask for less at once"),
    ("mine", {}, "Ask for less at once"),
    ("read_file", {"path": "lines.txt"}, "[read on with start="),
    ("read_file", {"path": "line.txt"}, "Run code to read the rest"),
    ("list_files", {"path": "many"}, "narrower path or glob"),
    ("read_notebook", {}, "[read on with start="),
    ("read_notebook", {"cell": "c3"}, "line="),
    ("search_notebook", {"query": "zeile"}, "search on with start="),
    ("huge", {}, "Ask the oracle."),
    ("failing", {}, "Ask the oracle."),
    ("delegate", {}, "Ask for a shorter answer."),
]


@pytest.mark.parametrize(("name", "args", "rest"), CALLS, ids=[f"{c[0]}-{n}" for n, c in enumerate(CALLS)])
async def test_an_answer_is_bounded_and_says_how_to_get_the_rest(
    name: str, args: dict[str, Any], rest: str, tmp_path: Path
) -> None:
    (tmp_path / "lines.txt").write_text(HUGE.replace(" ", "\n"))
    (tmp_path / "line.txt").write_text(HUGE)
    (tmp_path / "many").mkdir()
    for number in range(501):
        (tmp_path / "many" / f"{number:03}{'x' * 100}").touch()
    notebook = FakeNotebook(
        *[HUGE.replace(" ", "\n") if n == 3 else f"# zeile {n} {'x' * 200}\n" + "x" * 300 for n in range(500)]
    )

    told = await answer(name, tmp_path, notebook, **args)

    assert len(json.dumps(told, ensure_ascii=False).encode()) <= MOST_BYTES
    assert rest in told


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "\u00e9" * 100_000, "\0" * 100_000, "\ud99c" * 100_000, "😀" * 99_999]
)
def test_a_text_is_bounded_by_its_size_on_the_wire(text: str) -> None:
    cut = bounded(text, "More.")

    assert MOST_BYTES * 0.8 < len(encode({"": cut})) <= MOST_BYTES + 10
    assert f"of {len(text)} characters are left out here. More.]" in cut
    assert bounded("short") == "short"


async def test_of_many_images_the_last_are_passed_on() -> None:
    blocks = [
        {"type": "image", "mimeType": "image/png", "data": base64.b64encode(bytes([n])).decode()}
        for n in range(9)
    ]
    mcp = result_of(CallToolResult.model_validate({"content": blocks}))

    fitted = huge("x").answer(mcp)

    assert [data for _, data in fitted.images] == [bytes([n]) for n in range(9 - MAX_IMAGES, 9)]
    assert "5 of 9 images are left out" in fitted.text
    assert huge("x").answer(Result("a", (("image/png", b"x" * 2_000_000),))).images == ()


async def test_a_long_notebook_is_read_to_its_end_in_parts(tmp_path: Path) -> None:
    sources = [f"# cell number {n}\n" + "x" * 300 for n in range(1500)]
    notebook = FakeNotebook(*sources)
    start, seen, told = 1, "", ""

    for _ in range(100):
        told = await answer("read_notebook", tmp_path, notebook, start=start)
        seen += told
        if "read on with start=" not in told:
            break
        start = int(told.rpartition("start=")[2].rstrip("]"))

    assert all(source in seen for source in sources)
    assert "cells 1 to " in seen
    assert "of 1500" in seen
    assert "There is no cell 1501: the notebook has 1500." in await answer(
        "read_notebook", tmp_path, notebook, start=1501
    )


async def test_a_long_cell_is_read_to_its_end_in_parts(tmp_path: Path) -> None:
    lines = [f"value_{n} = {n}" for n in range(5000)]
    notebook = FakeNotebook("\n".join(lines))
    notebook.cells[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "the output"}]
    first = await answer("read_notebook", tmp_path, notebook)
    line, seen, told = 1, list[str](), ""

    for _ in range(20):
        told = await answer("read_notebook", tmp_path, notebook, cell="c0", line=line)
        seen += told.split("\n")
        if "read on with" not in told:
            break
        line = int(told.rpartition("line=")[2].rstrip("]"))

    assert [each for each in seen if each.startswith("value_")] == lines
    assert told.endswith("[its outputs]\nthe output")
    assert "are left out; read them with cell='c0', line=" in first


async def test_a_text_is_found_in_sources_and_outputs(tmp_path: Path) -> None:
    notebook = FakeNotebook(*["pass"] * 3000, "import os\nTOTAL = 5", "print('x')")
    notebook.cells[-1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "a\rthe Total is 7\n"},
        {"output_type": "display_data", "data": {"text/html": "<b>total</b> <i>8</i>"}, "metadata": {}},
    ]

    told = await answer("search_notebook", tmp_path, notebook, query="total")

    assert told == (
        "[code cell 3001, id c3000]\nline 2: TOTAL = 5\n\n"
        "[code cell 3002, id c3001]\noutput: the Total is 7\noutput: **total** *8*"
    )
    assert await answer("search_notebook", tmp_path, notebook, query="[") == "No cell has '['."
    assert "TOTAL" not in await answer("search_notebook", tmp_path, notebook, query="total", start=3002)
