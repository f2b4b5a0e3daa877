"""The ``rebuild`` agent: it runs the code again that this thread's agent had run, after one question with all of it.

The gateway passes the code as its run's context. A person always approves, whatever mode or grant holds. The
pieces run one after the other, and the first error stops it.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from lobu_jupyter.agents.loop.agent import PydanticAgent
from lobu_jupyter.agents.registry import REBUILD
from lobu_jupyter.agents.tools import specs
from lobu_jupyter.agents.tools.base import BoundTool, Call, Preview, Result, Work
from lobu_jupyter.agents.tools.kernel import run_pieces
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.replay import REBUILD_AGENT, REBUILD_CONTEXT, split

from .turns import turn_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic_ai.messages import ModelMessage

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import KernelPort, Task

    from .script import Delta

QUESTION = "Run all of this code again? It stops at the first error."
NOTHING = "There is nothing to rebuild here. A rebuild is started with `%lobu rebuild` or `thread.rebuild()`."


class RebuildAgent:
    """The agent that runs a thread's code again."""

    name = REBUILD_AGENT
    description = REBUILD

    def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        code = next((c["value"] for c in task.context if c.get("description") == REBUILD_CONTEXT), "")
        model = FunctionModel(
            stream_function=partial(_respond, str(code)),
            model_name=self.name,
            profile={"supports_image_input": False},
        )
        tool = BoundTool(specs.RUN_CODE, _run, _preview, needs="kernel", always_asks=True)
        agent = PydanticAgent(self.name, REBUILD, lambda name: model, counts=False, tools=[tool])
        return agent.run(task, kernel)


async def _run(work: Work, call: Call) -> Result:
    return await run_pieces(work, call, split(call.args["code"]))


async def _preview(work: Work, args: dict[str, Any]) -> Preview:
    return Preview(message=QUESTION)


async def _respond(code: str, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Delta]:
    turn = turn_of(messages)
    if not code:
        yield NOTHING
    elif turn.batches:
        yield turn.results[-1][1].partition("\n")[0] if turn.results else "Nothing was run."
    else:
        count = len(split(code))
        yield f"This is the code that ran here, {count} {'piece' if count == 1 else 'pieces'}, oldest first."
        yield {
            100: DeltaToolCall(
                "run_code", json.dumps({"code": code}, ensure_ascii=False), tool_call_id=new_id("call")
            )
        }
