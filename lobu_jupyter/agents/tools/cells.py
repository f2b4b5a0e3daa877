"""The notebook's cells as the place of an agent's code: a new cell for a call of ``run_code``, and the outputs below it.

The cell shows exactly the code that runs. If it cannot be had, or the person changed it while it ran, the code's
outputs stay in the chat, and the call's result says why.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME
from lobu_jupyter.model.policy import Verdict, judge
from lobu_jupyter.model.terminal import settled

from .base import ToolError
from .outputs import clean

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import Output

    from .base import Call, Work

KEPT_BYTES = 2 * 1024 * 1024
CUT = "[The rest of the outputs is on the agent's card; it is too large to be kept here.]\n"
CHANGED = "it was changed while it ran"


def works_in_cells(work: Work) -> bool:
    """Return whether the run's code goes into cells: it was asked to, and may insert cells."""
    task = work.task
    if task.work_in != "cells" or task.notebook_path is None:
        return False
    policy = msgspec.structs.replace(task.policy, answerable=True)
    return judge(policy, "insert_cell", needs_approval=True).verdict is not Verdict.DENY


async def open_cell(work: Work, call: Call, code: str) -> str:
    """Insert a cell with the code, and return its id.

    Raises:
        ToolError: the notebook cannot be reached, or not be changed.
    """
    task, name = work.task, secrets.token_hex(4)
    said = [message["id"] for message in task.messages if message.get("role") == "user"]
    made = {
        "threadId": task.thread_id,
        "runId": task.run_id,
        "toolCallId": call.id,
        "messageId": said[-1] if said else task.run_id,
    }
    wish: dict[str, Any] = {"do": "insert", "cell": name, "source": code, "made": made}
    if task.below_cell is not None:
        wish["after"] = task.below_cell
    await work.at_notebook(wish)
    work.cells[name] = code
    return name


async def show_outputs(work: Work, cell: str, code: str, kept: CellOutputs) -> str:
    """Put a call's outputs below its cell. Return the sentence that says why they are not there, empty if they are."""
    wish: dict[str, Any] = {"do": "outputs", "cell": cell, "was": code, "outputs": kept.outputs}
    if kept.count is not None:
        wish["count"] = kept.count
    try:
        answer = await work.at_notebook(wish)
    except ToolError as error:  # the code ran, and its result must not be lost
        return f"Its outputs are not below the cell: {error}"
    return f"Its outputs are not below the cell: {CHANGED}" if "conflict" in answer else ""


class CellOutputs:
    """A call's nbformat outputs for its cell: each stream in one piece, all of it bounded.

    ``count``: the number in the cell's prompt, once the code has run.
    """

    def __init__(self) -> None:
        self.count: int | None = None
        self._outputs: list[Output] = []
        self._displays: dict[str, Output] = {}
        self._room = KEPT_BYTES

    @property
    def outputs(self) -> list[Output]:
        """Return the outputs at the end of the call, streams as a screen shows them."""
        return [self._final(output) for output in self._outputs]

    def _final(self, output: Output) -> Output:
        if output["output_type"] == "stream":
            return {**output, "text": settled(output["text"])}
        if output["output_type"] == "execute_result":
            return {**output, "execution_count": self.count}
        return output

    def take(self, output: Output) -> None:
        if output["output_type"] == "clear_output":
            self._outputs.clear()
            self._displays.clear()
            self._room = KEPT_BYTES
            return
        if self._room <= 0:
            return
        output = dict(output)
        display_id = output.pop("display_id", None)
        if output["output_type"] == "stream":
            output["text"] = clean(output["text"])
        elif "data" in output:  # no output poses as the transcript of a chat
            output["data"] = {k: v for k, v in output["data"].items() if k != TRANSCRIPT_MIME}
        self._room -= len(json.dumps(output))  # also counts characters that no encoding can carry
        if self._room <= 0:
            output = {"output_type": "stream", "name": "stderr", "text": CUT}
        if display_id in self._displays:
            known = self._displays[display_id]
            known.update(data=output.get("data", {}), metadata=output.get("metadata", {}))
            return
        last = self._outputs[-1] if self._outputs else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            self._outputs.append(output)
        if display_id is not None:
            self._displays[display_id] = output
