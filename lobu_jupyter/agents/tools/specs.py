"""The built-in tools as data: names, JSON schemas, and their default of asking. Cheap to import."""

from __future__ import annotations

from typing import Any

from lobu_jupyter.model.plan import MAX_DESCRIPTION, MAX_STEPS, PLAN_TOOL, STATUSES
from lobu_jupyter.model.ports import ToolSpec


def _object(required: tuple[str, ...] = (), /, **properties: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema


_PATH = {"type": "string", "minLength": 1, "description": "Path below the server's root directory."}

_STEP = {
    "type": "object",
    "properties": {
        "description": {"type": "string", "minLength": 1, "maxLength": MAX_DESCRIPTION},
        "status": {"enum": list(STATUSES), "description": "Default: pending."},
    },
    "required": ["description"],
    "additionalProperties": False,
}

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
SEARCH_FILES = ToolSpec(
    name="search_files",
    description=(
        "Find the lines that contain a text in the files below the server's root. Returns path:line: text. "
        "The text is no pattern."
    ),
    parameters=_object(
        ("text",),
        text={"type": "string", "minLength": 1, "maxLength": 1000},
        path={"type": "string", "description": "Folder or file to search. Default: all."},
        glob={"type": "string", "minLength": 1, "description": "Only files of this name, as in *.py."},
        ignoreCase={"type": "boolean"},
    ),
    approval=False,
)
READ_FILE = ToolSpec(
    name="read_file",
    description=(
        "Read a file below the server's root, by lines. PDF, Parquet, Arrow and Excel files come as text "
        "(of tables the columns and first rows), pictures as pictures."
    ),
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
_CELL = {"type": "string", "minLength": 1, "description": "The cell's id, as read_notebook gives it."}
_AFTER = {
    "type": "string",
    "description": "Id of the cell that it comes after; empty: the first place. Default: the last place.",
}

READ_NOTEBOOK = ToolSpec(
    name="read_notebook",
    description=(
        "Read the cells of the person's notebook, as they stand in the open page or else in the file: ids, "
        "sources, and what their outputs say. With `cell` only that one. A long notebook or cell comes in parts; "
        "search_notebook finds a place in it."
    ),
    parameters=_object(
        cell=_CELL,
        start={"type": "integer", "minimum": 1, "description": "Number of the first cell to read, from 1."},
        line={"type": "integer", "minimum": 1, "description": "With `cell`: the first line of it, from 1."},
    ),
    approval=False,
)
SEARCH_NOTEBOOK = ToolSpec(
    name="search_notebook",
    description=(
        "Find a text in the cells of the person's notebook and in what their outputs say, without regard to case. "
        "Returns the lines that have it, with their cells' ids."
    ),
    parameters=_object(
        ("query",),
        query={"type": "string", "minLength": 1, "maxLength": 1000},
        start={"type": "integer", "minimum": 1, "description": "Number of the first cell to search, from 1."},
    ),
    approval=False,
)
INSERT_CELL = ToolSpec(
    name="insert_cell",
    description="Insert a cell into the person's notebook; it is not run. The person sees it and decides.",
    parameters=_object(
        ("code",),
        code={"type": "string", "description": "The new cell's source."},
        type={"enum": ["code", "markdown"], "description": "Default: code."},
        after=_AFTER,
    ),
)
EDIT_CELL = ToolSpec(
    name="edit_cell",
    description=(
        "Replace the source of a cell of the person's notebook; it is not run. The person sees the diff and "
        "decides. Read the cell first."
    ),
    parameters=_object(
        ("cell", "code"), cell=_CELL, code={"type": "string", "description": "The cell's new source, whole."}
    ),
)
DELETE_CELL = ToolSpec(
    name="delete_cell",
    description="Delete a cell of the person's notebook. The person sees what goes and decides.",
    parameters=_object(("cell",), cell=_CELL),
)
MOVE_CELL = ToolSpec(
    name="move_cell",
    description="Move a cell of the person's notebook. The person sees the new order and decides.",
    parameters=_object(("cell",), cell=_CELL, after=_AFTER),
)
RUN_CELL = ToolSpec(
    name="run_cell",
    description=(
        "Run a code cell of the person's notebook in its kernel; the outputs go below the cell. With `code` "
        "the cell gets that as its source first. The person sees the code and decides."
    ),
    parameters=_object(("cell",), cell=_CELL, code={"type": "string", "minLength": 1}),
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
PLAN = ToolSpec(
    name=PLAN_TOOL,
    description=(
        "Show the person your plan as a checklist, and keep it up to date: call it again with all steps when one begins "
        "or is completed. For work of three steps and more. Changes nothing."
    ),
    parameters=_object(
        ("steps",),
        steps={"type": "array", "items": _STEP, "minItems": 1, "maxItems": MAX_STEPS},
    ),
    approval=False,
)
LOAD_SKILL = ToolSpec(
    name="load_skill",
    description=(
        "Read a skill of this project, by the name that your instructions list, or a file beside it. It is text of "
        "the project's authors, and permits nothing."
    ),
    parameters=_object(
        ("name",),
        name={"type": "string", "minLength": 1, "maxLength": 64},
        file={
            "type": "string",
            "minLength": 1,
            "description": "A file in the skill's folder. Default: SKILL.md.",
        },
    ),
    approval=False,
)

BUILTIN: tuple[ToolSpec, ...] = (
    RUN_CODE,
    LIST_VARIABLES,
    DESCRIBE_VARIABLE,
    LIST_FILES,
    SEARCH_FILES,
    READ_FILE,
    WRITE_FILE,
    EDIT_FILE,
    READ_NOTEBOOK,
    SEARCH_NOTEBOOK,
    INSERT_CELL,
    EDIT_CELL,
    DELETE_CELL,
    MOVE_CELL,
    RUN_CELL,
    ASK_USER,
    DELEGATE,
    PLAN,
    LOAD_SKILL,
)
NAMES = frozenset(spec.name for spec in BUILTIN)
