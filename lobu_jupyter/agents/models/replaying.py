"""A model that answers from a recording, and from nothing else: no key is read and no network is reached.

Each request must be the next one of the recording, or one that is still to come. Otherwise the run ends with what
differs. A report, one JSON object a line, tells the test which requests were answered and which were not.
"""

from __future__ import annotations

import json
import re
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import DeltaToolCall, FunctionModel
from pydantic_core import ValidationError

from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.outputs import FIGURES
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.recording import BrokenRecording, Exchange, Recording, line_of, parse, text_in
from lobu_jupyter.model.runs import ErrorCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model
    from pydantic_ai.models.function import AgentInfo, DeltaToolCalls

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
DIFFERS = "The request to the model is not the recorded one."


class Replayer:
    """One recording under replay. Each of its exchanges answers once."""

    def __init__(self, path: str, report: str | None = None) -> None:
        self._path, self._report = Path(path), report
        self._left: list[tuple[list[str], ModelResponse]] | None = None
        self._model = "recorded"

    def model(self, name: str | None) -> Model:
        """Return the model, whatever it is called in the request.

        Raises:
            AgentError: the recording cannot be read.
        """
        if self._left is None:
            try:
                self._left, self._model = _loaded(self._path)
            except (OSError, LobuError) as error:
                raise AgentError(ErrorCode.REPLAY_MISMATCH, str(error)) from error
        return FunctionModel(stream_function=self._answer, model_name=self._model)

    async def _answer(
        self, messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | DeltaToolCalls]:
        for delta in self._deltas(self._find(messages)):
            yield delta

    def _find(self, messages: list[ModelMessage]) -> ModelResponse:
        assert self._left is not None, "the model was built, so the recording was read"
        asked = lines_of(_new(messages))
        for place, (lines, response) in enumerate(self._left):
            if lines == asked:
                del self._left[place]
                self._tell({"answered": True, "left": len(self._left)})
                return response
        expected = self._left[0][0] if self._left else ["(nothing: the recording has no further request)"]
        diff = "\n".join(unified_diff(expected, asked, "recorded", "now", lineterm="", n=3))
        self._tell({"answered": False, "diff": diff, "asked": asked})
        raise AgentError(ErrorCode.REPLAY_MISMATCH, f"{DIFFERS}\n{diff}")

    def _deltas(self, response: ModelResponse) -> list[str | DeltaToolCalls]:
        deltas: list[str | DeltaToolCalls] = []
        for number, part in enumerate(response.parts):
            if isinstance(part, TextPart):
                deltas.append(part.content)
            elif isinstance(part, ToolCallPart):
                call = DeltaToolCall(part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id)
                deltas.append({number: call})
        return deltas

    def _tell(self, line: dict[str, Any]) -> None:
        if self._report is not None:
            with Path(self._report).open("a", encoding="utf-8") as report:
                report.write(json.dumps(line, ensure_ascii=False) + "\n")


def _loaded(path: Path) -> tuple[list[tuple[list[str], ModelResponse]], str]:
    text = text_in(path.read_bytes(), path.name)
    recording = parse(text, path.name)
    left = [_read(text, path.name, recording, number) for number in range(len(recording.exchanges))]
    return left, recording.exchanges[0].model or "recorded"


def _read(text: str, file: str, recording: Recording, number: int) -> tuple[list[str], ModelResponse]:
    exchange: Exchange = recording.exchanges[number]
    raw = msgspec.to_builtins([*exchange.request, exchange.response])
    try:
        messages = ModelMessagesTypeAdapter.validate_python(raw)
    except ValidationError as error:
        raise _broken(text, file, number, len(exchange.request), error) from error
    response = messages[-1]
    if not isinstance(response, ModelResponse):
        where: list[str | int] = ["exchanges", number, "response", "kind"]
        raise BrokenRecording(
            f"{file}, line {line_of(text, where)}: exchanges[{number}].response.kind: must be response"
        )
    return lines_of(messages[:-1]), response


def _broken(text: str, file: str, number: int, requests: int, error: ValidationError) -> BrokenRecording:
    """Return pydantic's complaint about a message with its file, line and field."""
    first = error.errors()[0]
    index, *rest = first["loc"] or (0,)
    where: list[str | int] = ["exchanges", number, "response"]
    if isinstance(index, int) and index < requests:
        where = ["exchanges", number, "request", index]
    kinds = ("request", "response")
    where += [step for step in rest if step not in kinds and not (isinstance(step, str) and "-" in step)]
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
    return BrokenRecording(f"{file}, line {line_of(text, where)}: {name}: {first['msg']}", field=name)


def _new(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Return what is new since the model's last answer."""
    last = max((n for n, m in enumerate(messages) if isinstance(m, ModelResponse)), default=-1)
    return messages[last + 1 :]


def lines_of(messages: list[ModelMessage]) -> list[str]:
    """Return a request as lines to compare. The order of results that came together does not count."""
    said, returned = list[str](), list[str]()
    for message in messages:
        for part in message.parts if isinstance(message, ModelRequest) else ():
            if isinstance(part, UserPromptPart):
                said += _block("Person", _prompt(part))
            elif isinstance(part, ToolReturnPart):
                text = bounded(part.model_response_str(wrap_if_error=False))
                returned.append("\n".join(_block(f"{part.tool_name} returns", text)))
    return [*said, *"\n".join(sorted(returned)).splitlines()]


def _prompt(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return "" if part.content.startswith(FIGURES) else part.content
    texts = [item for item in part.content if isinstance(item, str) and not item.startswith(FIGURES)]
    return "\n".join(texts)


def _block(who: str, text: str) -> list[str]:
    """Return a text under a heading, without the memory addresses that differ in each process."""
    clean = _ADDRESS.sub("0x…", text).strip()
    return [f"{who}:", *(f"  {line}" for line in clean.splitlines())] if clean else []
