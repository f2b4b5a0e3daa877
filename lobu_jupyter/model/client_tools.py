"""Tools and state of the client: an AG-UI front end declares them with a run, and answers their calls itself.

A call of such a tool runs in the client, never in the kernel or the worker. The run ends with an interrupt of reason
:data:`CLIENT_TOOL` that takes the result as ``{"response": …}``. Nothing about it is an approval.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from .errors import InvalidField, TooLarge

CLIENT_TOOL = "client_tool"  # Interrupt.reason: the client runs this call and says what came of it
MAX_TOOLS = 128
MAX_TOOLS_BYTES = 256 * 1024  # of all tools of a run, as JSON
MAX_STATE_BYTES = 48 * 1024  # of the shared state, as JSON: an event carries it whole
MAX_RESULT = 48_000  # characters of a call's result
NO_ANSWER = "The client went on without a result of this call."


class ClientTool(Struct, frozen=True, kw_only=True, rename="camel"):
    """AG-UI's Tool. ``parameters``: a JSON schema. Other members are ignored."""

    name: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z", max_length=64)]
    description: Annotated[str, Meta(max_length=16_384)] = ""
    parameters: dict[str, Any] | None = None


ClientTools = Annotated[list[ClientTool], Meta(max_length=MAX_TOOLS)]
SharedState = dict[str, Any]


class ClientSide(Struct, frozen=True, kw_only=True):
    """The tools and the state that a client gives with a run. None: as in the run before."""

    tools: ClientTools | None = field(default=None)
    state: SharedState | None = field(default=None)


def check_client(tools: list[ClientTool] | None, state: SharedState | None) -> None:
    """Check what no type can say.

    Raises:
        InvalidField: two tools have one name. TooLarge: the tools or the state are too large.
    """
    seen = set[str]()
    for index, tool in enumerate(tools or []):
        if tool.name in seen:
            raise InvalidField("two tools have this name", field=f"tools[{index}].name")
        seen.add(tool.name)
    if tools and len(msgspec.json.encode(tools)) > MAX_TOOLS_BYTES:
        raise TooLarge(f"The tools may have {MAX_TOOLS_BYTES} bytes.", field="tools")
    if state and len(msgspec.json.encode(state)) > MAX_STATE_BYTES:
        raise TooLarge(f"The state may have {MAX_STATE_BYTES} bytes.", field="state")
