"""The ``mcp-client`` agent: it makes the one tool call that an MCP client asked for, and ends.

The gateway passes the call as its run's context. It has the tools, the policy and the questions of every other agent.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from lobu_jupyter.agents.loop.agent import PydanticAgent
from lobu_jupyter.agents.registry import MCP_CLIENT
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.outside_call import CALL_AGENT, OutsideCall, call_of

from .turns import turn_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic_ai.messages import ModelMessage

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import KernelPort, Task

    from .script import Delta

NOTHING = "There is no call here. An MCP client makes one through lobu/api/mcp."


class OutsideAgent:
    """The agent that makes an MCP client's call."""

    name = CALL_AGENT
    description = MCP_CLIENT

    def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        model = FunctionModel(
            stream_function=partial(_respond, call_of(task.context)),
            model_name=self.name,
            profile={"supports_image_input": False},
        )
        return PydanticAgent(self.name, MCP_CLIENT, lambda name: model, counts=False).run(task, kernel)


async def _respond(
    call: OutsideCall | None, messages: list[ModelMessage], info: AgentInfo
) -> AsyncIterator[Delta]:
    if call is None:
        yield NOTHING
    elif turn_of(messages).batches:
        yield "Done."
    else:
        args = json.dumps(call.args, ensure_ascii=False)
        yield {0: DeltaToolCall(call.name, args, tool_call_id=new_id("call"))}
