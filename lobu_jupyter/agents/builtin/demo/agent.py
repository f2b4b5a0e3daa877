"""The ``demo`` agent: rules, and it says so. It reads the person's data, proposes code, and explains the result.

Like the script agent it is a pydantic-ai model on the common loop. It takes its next step from the message
history: no tool called yet, variables listed, the table described, the code run.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from lobu_jupyter.agents.builtin.turns import Turn, turn_of
from lobu_jupyter.agents.loop.agent import PydanticAgent
from lobu_jupyter.agents.registry import DEMO
from lobu_jupyter.model.ids import new_id

from .code import FIX, code_for, examples, explain, goal_of
from .words import DemoTable, kind_of, table_of, understand, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic_ai.messages import ModelMessage

    from lobu_jupyter.agents.builtin.script import Delta

FIRST = "This is a rule-based demo, not an AI model. Add a model to chat for real."
AGAIN = "Still the rule-based demo, not an AI model."
CAN = (
    "I work with tables. I can describe one, count its rows, plot or aggregate a column by another, show the "
    "top rows, compare growth and find missing values. I read your variables first, and ask before I run code."
)
NO_TABLE = (
    "There is no pandas DataFrame in your notebook. Make one, as in `sales = pd.read_csv('sales.csv')`, "
    "and ask again."
)
WORD_SECONDS = 0.004


def demo() -> PydanticAgent:
    """Return the demo agent."""
    model = FunctionModel(
        stream_function=_respond, model_name="demo", profile={"supports_image_input": False}
    )
    return PydanticAgent("demo", DEMO, lambda name: model, counts=False)


async def _respond(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Delta]:
    turn = turn_of(messages)
    text, call = reply(turn, first=turn.number == 1)
    for number, word in enumerate(text.split(" ")):
        await asyncio.sleep(WORD_SECONDS)
        yield word if number == 0 else f" {word}"
    if call is not None:
        name, args = call
        yield {100: DeltaToolCall(name, json.dumps(args, ensure_ascii=False), tool_call_id=new_id("call"))}


Reply = tuple[str, tuple[str, dict[str, Any]] | None]


def reply(turn: Turn, *, first: bool) -> Reply:
    """Return the text to say now, and the call to make, if any."""
    found = dict(turn.results)  # each tool is called at most once a turn
    if "run_code" in found:
        return _after_code(found["run_code"]), None
    if "describe_variable" in found:
        return _with_description(turn, found)
    if "list_variables" in found:
        return _with_variables(turn, found["list_variables"])
    return _begin(turn, first)


def _begin(turn: Turn, first: bool) -> Reply:
    greeting = FIRST if first else AGAIN
    kind = kind_of(turn.prompt)
    if kind == "help":
        return f"{greeting}\n\n{CAN}", None
    if kind == "fix":
        said = "I can't reason about code, but I can show where the last error came from."
        return f"{greeting}\n\n{said}", ("run_code", {"code": FIX})
    return f"{greeting}\n\nFirst, your variables.", ("list_variables", {})


def _with_variables(turn: Turn, listed: str) -> Reply:
    variables = _json(listed)
    if not isinstance(variables, list):
        return f"I couldn't read your variables: {listed}", None
    name = _choose(turn.prompt, variables)
    if name is None:
        return NO_TABLE, None
    return f"Using `{name}`.", ("describe_variable", {"name": name})


def _choose(prompt: str, variables: list[dict[str, Any]]) -> str | None:
    """Return the variable that the prompt names, a table before others, else the largest table."""
    said = set(words(prompt)) | set(prompt.replace("?", " ").split())
    tables = [v for v in variables if str(v.get("type", "")).endswith("DataFrame")]
    for group in (tables, variables):
        for variable in group:
            if variable["name"] in said or set(words(variable["name"])) <= said:
                return variable["name"]
    by_rows = sorted(tables, key=lambda v: (v.get("shape") or [0])[0], reverse=True)
    return by_rows[0]["name"] if by_rows else None


def _with_description(turn: Turn, found: dict[str, str]) -> Reply:
    description = _json(found["describe_variable"])
    if not isinstance(description, dict):
        return f"I couldn't read it: {found['describe_variable']}", None
    table = table_of(description)
    if table is None:
        return _plain(description), None
    request = understand(turn.prompt, table)
    if request is None:
        return (
            f"I didn't understand that. With `{table.name}`, try:\n\n{_list(examples(table))}",
            None,
        )
    if request.kind in ("describe", "columns"):
        return _described(table, description), None
    taken = [str(v.get("name")) for v in _json(found["list_variables"]) or []]
    code = code_for(request, taken)
    if code is None:
        return (
            f"`{table.name}` doesn't have the columns for that. Try:\n\n{_list(examples(table))}",
            None,
        )
    return f"{goal_of(request)}, I'd run:", ("run_code", {"code": code})


def _after_code(result: str) -> str:
    if "The person refused this call" in result:
        return f"OK, I didn't run it. {result.partition('The reason: ')[2]}".strip()
    if "was not run" in result:
        return f"I had to stop: {result}"
    lines = result.strip().splitlines()
    last = lines[-1] if lines else ""
    if "Traceback" in result or "Error:" in last:
        return f"The code failed with `{last}`. I follow fixed rules and can't fix it. Edit the code and ask again."
    return explain(result)


def _described(table: DemoTable, description: dict[str, Any]) -> str:
    shape = description.get("shape") or [0, 0]
    columns = "\n".join(f"- `{c.name}` ({c.dtype})" for c in table.columns[:30])
    missing: dict[str, int] = description.get("missing") or {}
    gaps = ", ".join(f"{n} in {c}" for c, n in missing.items()) or "none"
    more = "; ".join(examples(table)[2:])
    return (
        f"`{table.name}` has {shape[0]:,} rows and {shape[1]} columns:\n\n{columns}\n\nMissing values: {gaps}. "
        f"First rows:\n\n```\n{table.head}\n```" + (f"\n\nTry: {more}." if more else "")
    )


def _plain(description: dict[str, Any]) -> str:
    facts = "\n".join(f"- {key}: {value}" for key, value in description.items() if key != "name")
    return f"`{description.get('name')}` is not a table. Here is what I can see:\n\n{facts}"


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
