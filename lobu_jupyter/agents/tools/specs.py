"""The built-in tools as data: names, JSON schemas, and whether they ask by default. Cheap to import."""

from __future__ import annotations

from typing import Any

from lobu_jupyter.model.ports import ToolSpec


def _object(required: tuple[str, ...] = (), /, **properties: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema


_PATH = {"type": "string", "minLength": 1, "description": "Path below the server's root directory."}

_QUESTION = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "description": "Short name; the answer comes under it."},
        "question": {"type": "string", "minLength": 1},
        "options": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "multiple": {"type": "boolean", "description": "Several options may be chosen."},
        "freeText": {"type": "boolean", "description": "An answer outside the options is welcome."},
    },
    "required": ["question"],
    "additionalProperties": False,
}

RUN_CODE = ToolSpec(
    name="run_code",
    description=(
        "Run Python in the person's live notebook kernel, where their variables are. Returns what it "
        "printed, the value of its last expression, figures and errors. The person sees the same output."
    ),
    parameters=_object(("code",), code={"type": "string", "minLength": 1}),
    respond=True,
)
LIST_VARIABLES = ToolSpec(
    name="list_variables",
    description="List the variables of the notebook kernel with type and shape. Changes nothing.",
    parameters=_object(),
    approval=False,
)
DESCRIBE_VARIABLE = ToolSpec(
    name="describe_variable",
    description="Describe one variable of the kernel: type, shape, columns with dtypes, first rows.",
    parameters=_object(("name",), name={"type": "string", "minLength": 1}),
    approval=False,
)
LIST_FILES = ToolSpec(
    name="list_files",
    description="List a directory below the server's root. Glob optional, as in **/*.csv.",
    parameters=_object(path={"type": "string"}, glob={"type": "string", "minLength": 1}),
    approval=False,
)
READ_FILE = ToolSpec(
    name="read_file",
    description="Read a text file below the server's root, by lines. Binary files are described.",
    parameters=_object(
        ("path",),
        path=_PATH,
        start={"type": "integer", "minimum": 1, "description": "First line, from 1."},
        lines={"type": "integer", "minimum": 1, "maximum": 2000},
    ),
    approval=False,
)
WRITE_FILE = ToolSpec(
    name="write_file",
    description="Write a text file below the server's root; the person sees the diff and decides.",
    parameters=_object(("path", "content"), path=_PATH, content={"type": "string"}),
)
EDIT_FILE = ToolSpec(
    name="edit_file",
    description=(
        "Replace text in a file below the server's root. `old` must occur exactly once, "
        "with enough context around it. The person sees the diff and decides."
    ),
    parameters=_object(
        ("path", "old", "new"), path=_PATH, old={"type": "string", "minLength": 1}, new={"type": "string"}
    ),
)
ASK_USER = ToolSpec(
    name="ask_user",
    description="Ask the person one to four questions, and wait for the answers.",
    parameters=_object(
        ("questions",),
        questions={"type": "array", "items": _QUESTION, "minItems": 1, "maxItems": 4},
    ),
    approval=False,
)
DELEGATE = ToolSpec(
    name="delegate",
    description=(
        "Give a task of its own to a sub-agent, which works in the same kernel under the same rules and returns "
        "its final answer. It knows nothing of this conversation: say all that it needs."
    ),
    parameters=_object(
        ("prompt",),
        prompt={"type": "string", "minLength": 1},
        agent={"type": "string", "minLength": 1, "description": "Another agent's name; default: yours."},
    ),
    approval=False,
)

BUILTIN: tuple[ToolSpec, ...] = (
    RUN_CODE,
    LIST_VARIABLES,
    DESCRIBE_VARIABLE,
    LIST_FILES,
    READ_FILE,
    WRITE_FILE,
    EDIT_FILE,
    ASK_USER,
    DELEGATE,
)
NAMES = frozenset(spec.name for spec in BUILTIN)
