"""The ``script`` agent: a model without intelligence that does exactly what the prompt's lines say.

It is a pydantic-ai model on the same loop as every other, so that policy, pause and resume are one code path. It
finds its place in the script from the message history alone: each response with tool calls is one line done. The
language is in docs/script-agent.md.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.function import (
    AgentInfo,
    BuiltinToolCallsReturns,
    DeltaThinkingCalls,
    DeltaThinkingPart,
    DeltaToolCall,
    DeltaToolCalls,
    FunctionModel,
)

from lobu_jupyter.agents.loop.agent import PydanticAgent
from lobu_jupyter.agents.registry import SCRIPT
from lobu_jupyter.model.ids import new_id

from .turns import Turn, turn_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from pydantic_ai.messages import ModelMessage

    from lobu_jupyter.agents.tools.sources import ToolSource
    from lobu_jupyter.model.ports import AgentPort

Delta = str | DeltaToolCalls | DeltaThinkingCalls | BuiltinToolCallsReturns
MAX_SLOW_SECONDS = 3600
MAX_TOLD = 500

HELP = (
    "say TEXT; think TEXT; slow N MS; run CODE (indented lines go on); write PATH TEXT; "
    "ask QUESTION | option | option; tool NAME {json}; delegate: (indented lines); A && B; fail CODE MESSAGE"
)


_DELEGATE = re.compile(r"delegate(?: ([\w.-]+))?:")


@dataclass(frozen=True)
class Step:
    """One line: the text to say at once, or the tool calls to make."""

    word: str
    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = field(default=())


def script(peers: Mapping[str, AgentPort] | None = None, sources: Sequence[ToolSource] = ()) -> PydanticAgent:
    """Return the script agent. It may delegate to `peers`, and has the tools of `sources`."""
    model = FunctionModel(
        stream_function=_respond, model_name="script", profile={"supports_image_input": False}
    )
    return PydanticAgent("script", SCRIPT, lambda name: model, peers=peers, sources=sources)


def parse(prompt: str) -> list[Step]:
    """Return the steps of a script, without blank lines and lines that begin with #."""
    return [
        _step(line)
        for line in _logical_lines(textwrap.dedent(prompt))
        if line.strip() and not line.startswith("#")
    ]


def _logical_lines(prompt: str) -> list[str]:
    """Return the lines, each with the indented lines that follow it."""
    lines: list[str] = []
    for line in prompt.splitlines():
        if lines and (line.startswith((" ", "\t")) or not line.strip()):
            lines[-1] += "\n" + line
        else:
            lines.append(line)
    return [line.rstrip() for line in lines]


def _step(line: str) -> Step:
    if (call := _delegation(line)) is not None:
        return Step("calls", calls=(call,))
    batch = [_call(part.strip()) for part in line.split(" && ")]
    calls = [call for call in batch if call is not None]
    if len(calls) < len(batch):  # the && is part of one call's code
        calls = [call for call in [_call(line)] if call is not None]
    if calls:
        return Step("calls", calls=tuple(calls))
    word, _, rest = line.partition(" ")
    known = word in ("say", "think", "slow", "fail")
    return Step(word, rest.strip()) if known else Step("unknown", line)


def _delegation(line: str) -> tuple[str, dict[str, Any]] | None:
    """Return the call for ``delegate:`` or ``delegate AGENT:``. The indented lines are the sub-agent's prompt."""
    head, _, lines = line.partition("\n")
    match = _DELEGATE.fullmatch(head.strip())
    if match is None or not lines.strip():
        return None
    agent = {"agent": match[1]} if match[1] else {}
    return "delegate", {"prompt": textwrap.dedent(lines).strip("\n"), **agent}


def _call(part: str) -> tuple[str, dict[str, Any]] | None:
    """Return the tool call of a line, or None."""
    word, _, rest = part.partition(" ")
    rest = rest.strip("\n")
    if part.startswith(("run ", "run\n")) and part[3:].strip():
        return "run_code", {"code": _code(part[3:])}
    if word == "write" and rest.strip():
        path, text = _path_and_text(rest.strip())
        return "write_file", {"path": path, "content": text}
    if word == "ask" and rest.strip():
        question, *options = [option.strip() for option in rest.split("|")]
        return "ask_user", {"questions": [{"question": question, "options": options}]}
    if word == "tool" and rest.strip():
        name, _, args = rest.strip().partition(" ")
        return _tool_call(name, args)
    return None


def _tool_call(name: str, args: str) -> tuple[str, dict[str, Any]] | None:
    try:
        found = json.loads(args or "{}")
    except ValueError:
        return None
    return (name, found) if isinstance(found, dict) else None


def _path_and_text(rest: str) -> tuple[str, str]:
    """Split off a path, in quotes if it has spaces, from the text. ``\\n`` in the text is a new line."""
    if rest[0] in "\"'":
        lexer = shlex.shlex(rest, posix=True)
        lexer.whitespace_split = True
        path = lexer.get_token() or ""
        text = rest[len(path) + 2 :].strip()
    else:
        path, _, text = rest.partition(" ")
    return path, _dedent(text).replace("\\n", "\n")


def _code(text: str) -> str:
    """Return code with indented further lines: as a block of its own, or as the body of the first line."""
    first, newline, rest = text.strip("\n").partition("\n")
    flat, nested = _dedent(text), first.strip() + newline + rest
    return next((code for code in (flat, nested) if _parses(code)), flat)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def _dedent(text: str) -> str:
    """Return a first line and its indented rest, without the rest's common indentation."""
    first, newline, rest = text.partition("\n")
    return (first.strip() + newline + textwrap.dedent(rest)).strip("\n")


async def _respond(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Delta]:
    turn = turn_of(messages)
    steps = parse(turn.prompt)
    done = 0
    for step in steps:
        if step.word == "calls":
            done += 1
            if done > turn.batches:
                yield _calls(step)
                return
        elif done >= turn.batches:
            async for delta in _perform(step):
                yield delta
    yield _summary(turn, steps)


def _calls(step: Step) -> DeltaToolCalls:
    return {
        100 + n: DeltaToolCall(name, json.dumps(args, ensure_ascii=False), tool_call_id=new_id("call"))
        for n, (name, args) in enumerate(step.calls)
    }


async def _perform(step: Step) -> AsyncIterator[Delta]:
    if step.word == "think":
        for word in _words(step.text):
            yield {0: DeltaThinkingPart(content=word)}
    elif step.word == "slow":
        async for delta in _slowly(step.text):
            yield delta
    elif step.word == "fail":
        raise _failure(step.text)
    else:
        text = step.text if step.word == "say" else f"I do not know {step.text!r}. I know: {HELP}."
        for word in _words(text):
            yield word
        yield "\n"


async def _slowly(text: str) -> AsyncIterator[Delta]:
    numbers = text.split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        yield f"slow takes two numbers, as in slow 10 100; not {text!r}.\n"
        return
    count, pause = int(numbers[0]), int(numbers[1]) / 1000
    if count * pause > MAX_SLOW_SECONDS:
        yield f"slow takes at most {MAX_SLOW_SECONDS} s; {text!r} is longer.\n"
        return
    for n in range(1, count + 1):
        await asyncio.sleep(pause)
        yield f"word{n} "
    yield "\n"


def _failure(text: str) -> ModelHTTPError:
    code, _, message = text.partition(" ")
    status = int(code) if code.isdigit() else 500
    return ModelHTTPError(status, "script", {"message": message.strip() or "the script says so"})


def _summary(turn: Turn, steps: list[Step]) -> str:
    if not steps:
        return f"An empty script. I know: {HELP}."
    told = [f"{name}: {_first(result)}" for name, result in turn.results]
    return "\n".join(["Done.", *told])


def _first(result: str) -> str:
    return result if len(result) <= MAX_TOLD else result[:MAX_TOLD] + "…"


def _words(text: str) -> list[str]:
    """Split a text into words, each with the space before it."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]
