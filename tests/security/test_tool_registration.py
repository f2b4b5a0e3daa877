"""A function that is registered in the kernel takes the name of no tool of the server."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.agents.sources import add_tools
from lobu_jupyter.agents.tools.base import BoundTool, Call, Result, Work
from lobu_jupyter.agents.toolset import tools_of
from lobu_jupyter.model.ports import KernelInfo, Task, ToolSpec


class Source:
    def __init__(self, *tools: BoundTool) -> None:
        self._tools = list(tools)

    async def tools(self, work: Work) -> list[BoundTool]:
        return self._tools


def installed(name: str) -> BoundTool:
    async def run(work: Work, call: Call) -> Result:
        return Result("installed")

    return BoundTool(ToolSpec(name=name), run)


def with_functions(*names: str) -> dict[str, BoundTool]:
    specs = tuple(ToolSpec(name=name, approval=False) for name in names)
    kernel = KernelInfo(kernel_id="k1", incarnation=1, tools=specs)
    return tools_of(Task(run_id="r", thread_id="t", incarnation=1, agent="demo", kernel=kernel))


@pytest.mark.parametrize("name", ["plugin", "web__search"])
async def test_a_function_of_the_kernel_shadows_no_plugin_and_no_mcp_tool(name: str) -> None:
    tools, first, second = with_functions(name, "mine"), installed(name), installed(name)
    work: Any = None

    await add_tools(tools, [Source(first), Source(second)], work)

    assert tools[name] is first
    assert tools["mine"].registered


def test_a_function_of_the_kernel_shadows_no_built_in_tool() -> None:
    assert not with_functions("run_code")["run_code"].registered
