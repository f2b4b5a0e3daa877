"""A function of agent code always asks, is marked, and takes the name of no other tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lobu_jupyter.agents.loop.toolset import tools_of
from lobu_jupyter.agents.tools.base import BoundTool, Call, Result, Work
from lobu_jupyter.agents.tools.gate import ruling_of
from lobu_jupyter.agents.tools.sources import add_tools
from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.card import card_lines
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.interrupts import Interrupt, event_of_interrupt, interrupt_from_event
from lobu_jupyter.model.policy import Grant, Layer, Policy, Rules, Verdict
from lobu_jupyter.model.ports import KernelInfo, Task, ToolSpec
from lobu_jupyter.notebook.tools import decorator as registry
from tests.gateway.rig import ME, Rig
from tests.worker.conftest import *  # noqa: F403

if TYPE_CHECKING:
    from tests.worker.conftest import Hand, Person

DEFINE = """
import lobu_jupyter.notebook.tools.decorator as t
@t.tool(approval=False)
def sh(code: str) -> None: exec(code)
"""
PERSONS = """
import lobu_jupyter.notebook.tools.decorator as t
@t.tool(approval=False)
def mine(n: int = 1) -> int: return n
def other(n: int = 1) -> int: return -n
"""


def sh(**more: Any) -> ToolSpec:
    return ToolSpec(name="sh", approval=False, **more)


def kernel(*, works: bool = True, decides: bool = True) -> KernelCaller:
    return KernelCaller(kernel_id="k1", name="ada", attended=works, decides=decides)


# -- the worker


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


@pytest.mark.parametrize("by_agent", [True, False])
def test_no_mode_no_rule_and_no_grant_lets_a_function_of_agent_code_pass(by_agent: bool) -> None:
    specs = (sh(by_agent=by_agent),)
    info = KernelInfo(kernel_id="k1", incarnation=1, tools=specs)
    tool = tools_of(Task(run_id="r", thread_id="t", incarnation=1, agent="demo", kernel=info))["sh"]
    layers = (Layer(name="server", rules=Rules(allow=("sh",), mode="allow")),)
    grant = Grant(grant_id="g", tool="sh", scope="thread", covers="all", by="ada")

    ruling = ruling_of(Policy(layers=layers, grants=(grant,)), tool, {})

    assert (ruling.verdict is Verdict.ASK, ruling.no_grant) == (by_agent, by_agent)
    unattended = ruling_of(Policy(layers=layers, answerable=False), tool, {})
    assert (unattended.verdict is Verdict.DENY) == by_agent


def test_its_card_says_so_and_the_digest_covers_it() -> None:
    plain = Interrupt(id="i", thread_id="t", run_id="r", reason="tool_call", tool_name="sh")
    marked = Interrupt(id="i", thread_id="t", run_id="r", reason="tool_call", tool_name="sh", by_agent=True)

    assert any("Registered by agent code" in line for line in card_lines(event_of_interrupt(marked)))
    assert not any("Registered by agent code" in line for line in card_lines(event_of_interrupt(plain)))
    assert digest_of(marked) != digest_of(plain)
    assert interrupt_from_event(event_of_interrupt(marked), "x", thread_id="t", run_id="r").by_agent


# -- the gateway


@pytest.mark.parametrize(
    "by",
    [kernel(works=False, decides=False), kernel(decides=False)],
    ids=["unattended", "agent code ran inside"],
)
async def test_a_registration_is_the_persons_only_while_their_own_cell_runs(
    rig: Rig, by: KernelCaller
) -> None:
    await rig.gateway.kernels.set_tools(kernel(), "k1", [ToolSpec(name="mine", approval=False)])

    await rig.gateway.kernels.set_tools(by, "k1", [sh()])
    await rig.gateway.kernels.set_tools(kernel(), "k1", [ToolSpec(name="mine", approval=False), sh()])

    marks = {tool.name: tool.by_agent for tool in await rig.gateway.kernels.tools(ME, "k1")}
    assert marks == {"mine": False, "sh": True}, "and a later cell of the person's does not launder it"


async def test_what_the_kernel_marks_stays_marked_also_in_a_persons_cell(rig: Rig) -> None:
    await rig.gateway.kernels.set_tools(kernel(), "k1", [sh(by_agent=True)])

    assert [tool.by_agent for tool in await rig.gateway.kernels.tools(ME, "k1")] == [True]


@pytest.mark.parametrize("name", ["run_code", "mine"])
async def test_agent_code_takes_no_name_and_takes_no_tool_away(rig: Rig, name: str) -> None:
    await rig.gateway.workers.register("host", tools=[ToolSpec(name="run_code")])
    await rig.gateway.kernels.set_tools(kernel(), "k1", [ToolSpec(name="mine", fingerprint="a")])
    agents = kernel(works=False, decides=False)

    with pytest.raises(Conflict, match=name):
        await rig.gateway.kernels.set_tools(agents, "k1", [ToolSpec(name=name, fingerprint="b")])
    await rig.gateway.kernels.set_tools(agents, "k1", [])

    (mine,) = [tool for tool in await rig.gateway.kernels.tools(ME, "k1") if tool.name == "mine"]
    assert (mine.by_agent, mine.fingerprint) == (False, "a")
    assert "refused tools" in {row["action"] for row in await rig.gateway.policy.audit(ME)}


# -- the kernel


@pytest.mark.parametrize(
    "code",
    [
        DEFINE,
        DEFINE + "t._tools['sh'] = t.Registered(t.spec_of(sh, approval=False), sh)\n",
        DEFINE
        + "t._persons.clear()\n@t.tool(approval=False)\ndef sh(code: str) -> None: exec(code)\nt._persons.append({})\n",
    ],
    ids=["the decorator", "the registry", "the list"],
)
async def test_a_function_that_agent_code_registers_is_marked(hand: Hand, person: Person, code: str) -> None:
    await person.run(PERSONS)

    await hand.run(code)

    told = await person.value("{s.name: s.by_agent for s in t.specs()}")
    await person.run("t.forget('sh'); t.forget('mine')")
    assert "'mine': False" in told
    assert "'sh': True" in told


async def test_it_is_marked_too_where_the_code_is_the_first_to_load_the_module(
    hand: Hand, person: Person
) -> None:
    await person.run("import sys; sys.modules.pop('lobu_jupyter.notebook.tools.decorator', None)")

    await hand.run(DEFINE)

    assert await person.value("[(s.name, s.by_agent) for s in t.specs()]") == "[('sh', True)]"
    await person.run("t.forget('sh')")


@pytest.mark.parametrize(
    "code",
    [
        "@t.tool(approval=False)\ndef mine(n: int = 1) -> int: return -n",
        "t._tools['mine'] = t.Registered(t.spec_of(other, name='mine'), other)",
        "t.forget('mine')",
        "mine.__code__ = other.__code__",
        "mine.__defaults__ = (-1,)",
    ],
)
async def test_agent_code_changes_no_function_of_the_persons(hand: Hand, person: Person, code: str) -> None:
    await person.run(PERSONS)

    await hand.run(code)

    done = await hand.executor.call_tool("mine", {}, hand.on_output, hand.on_waiting)
    await person.run("t.forget('mine')")
    assert (done.ok and done.value == 1) or "was changed since you registered it" in str(done.error)


def test_a_wrapped_function_is_known_by_what_it_wraps() -> None:
    import functools

    def outer(inner: Any) -> Any:
        @functools.wraps(inner)
        def wrapper(n: int) -> int:
            return inner(n)

        return wrapper

    def one(n: int) -> int:
        return n

    def two(n: int) -> int:
        return -n

    registry.tool(name="wrapped")(outer(one))
    assert registry.call("wrapped", {"n": 1}) == 1
    one.__code__ = two.__code__
    with pytest.raises(LookupError, match="was changed"):
        registry.call("wrapped", {"n": 1})
    registry.forget("wrapped")
