"""Tools of the person's kernel: code, inspection of variables, and the functions that the person registered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from . import specs
from .base import BoundTool, Call, Outdated, Preview, Result, ToolError, Work
from .cells import CellOutputs, open_cell, show_outputs, works_in_cells
from .outputs import DEFAULT_CAP, Outputs, error_text

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import Executed, KernelPort, Task, ToolSpec

PYTHON = "python"
_TITLES = {"bash": "bash", "javascript": "JavaScript", "typescript": "TypeScript", "sql": "SQL"}
IN_CELLS = "The code of run_code becomes a new cell of the notebook, with its outputs below it; do not insert it as well."
LOOKS = "lobu_jupyter.notebook.guest.looks"


async def run_code(work: Work, call: Call) -> Result:
    """Run the code in the person's kernel. An error of the code is a result like any other."""
    spoken, approved = _language(work.task), (call.guard or {}).get("language")
    if approved is not None and approved != spoken:
        raise ToolError(
            f"The code was approved as {approved}, and the kernel speaks {spoken} now. It was not run."
        )
    code: str = call.args["code"]
    return await (_run_in_cell if works_in_cells(work) else run_source)(work, call, code)


async def _run_in_cell(work: Work, call: Call, code: str) -> Result:
    """Run the code, and show it in a new cell with its outputs. Without one, both stay in the chat."""
    try:
        cell = await open_cell(work, call, code)
    except ToolError as error:
        return await run_source(work, call, code, note=f"It ran without a cell of its own: {error}")
    result = await run_source(work, call, code, cell)
    return replace(result, text=f"{result.text}\n[Shown in the notebook as the cell {cell}]")


async def run_source(work: Work, call: Call, code: str, cell: str = "", note: str = "") -> Result:
    """Run `code` as the call. ``cell``: the cell that shows it, and gets the outputs and the number.

    ``note``: a sentence for the person and the model, below the outputs.
    """
    kept = CellOutputs() if cell else None
    outputs = _outputs(work, call, kept)
    executed = await _run(work, call, code, outputs, as_cell=kept is not None)
    await _take_error(outputs, executed)
    if kept is not None:
        kept.count = executed.count
        note = await show_outputs(work, cell, code, kept)
    if note:
        await outputs.take({"output_type": "stream", "name": "stderr", "text": f"[{note}]\n"})
    await outputs.finish()
    text = outputs.text or ("The code ran and gave no output." if executed.ok else "The code failed.")
    return Result(text, tuple(outputs.images), executed.ok)


async def run_pieces(work: Work, call: Call, pieces: list[str]) -> Result:
    """Run pieces of code in order, as one call, until the first error. The first line reports how many ran."""
    outputs = _outputs(work, call)
    executed, count = None, 0
    for piece in pieces:
        executed = await _run(work, call, piece, outputs)
        if not executed.ok:
            break
        count += 1
    if executed is None:
        raise ToolError("There is no code to run.")
    await _end(outputs, executed)
    many = "piece" if len(pieces) == 1 else "pieces"
    told = f"All {len(pieces)} {many} of code ran again."
    if not executed.ok:
        told = f"It stopped at an error in piece {count + 1} of {len(pieces)}; the pieces before it ran."
    return Result(f"{told}\n{outputs.text}".strip(), tuple(outputs.images), executed.ok)


async def preview_code(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question before code runs. It names a language that is not Python, and the approval covers it."""
    language = _language(work.task)
    guard = {"language": language}
    where = " in a new cell" if works_in_cells(work) else ""
    if language == PYTHON:
        return Preview(message=f"Run this code{where}?", guard=guard)
    return Preview(message=f"Run this {title_of(language)} code{where}?", guard=guard, binds=guard)


async def list_variables(work: Work, call: Call) -> Result:
    """Return all variables of the person, as the kernel lists them."""
    return await _look(work, f"{LOOKS}.list_variables()")


async def describe_variable(work: Work, call: Call) -> Result:
    """Return one variable, bounded."""
    return await _look(work, f"{LOOKS}.describe_variable({call.args['name']!r})")


async def call_registered(work: Work, call: Call, spec: ToolSpec) -> Result:
    """Call a function that was registered with ``@lobu.tool``.

    Raises:
        Outdated: the kernel has another function under this name than the one that was approved.
    """
    name, outputs = spec.name, _outputs(work, call)

    async def waiting(text: str) -> None:
        await work.note(call.id, text)

    approved = (call.guard or {}).get("fingerprint")
    executed = await _kernel(work).call_tool(name, call.args, outputs.take, waiting, approved=approved)
    if executed.changed is not None:
        raise Outdated(_changed(spec, executed.changed, approved), call.args)
    await _end(outputs, executed)
    if not executed.ok:
        raise ToolError(outputs.text or f"{name} failed.")
    value = as_text(executed.value)
    shown = f"{outputs.text}\n{value}" if outputs.text else value
    return Result(shown, tuple(outputs.images))


def registered(spec: ToolSpec) -> BoundTool:
    """Return the proxy of one registered function."""

    async def run(work: Work, call: Call) -> Result:
        return await call_registered(work, call, spec)

    async def preview(work: Work, args: dict[str, Any]) -> Preview:
        return _preview(spec)

    asks = spec.by_agent
    return BoundTool(
        spec, run, preview, needs="kernel", registered=True, always_asks=asks, binds=_binds(spec)
    )


def _binds(spec: ToolSpec) -> dict[str, Any]:
    return {"function": spec.name, "fingerprint": spec.fingerprint}


def _preview(spec: ToolSpec) -> Preview:
    """Return the question about a function. An approval covers the function as it is registered."""
    whose = "the function" if spec.by_agent else "your function"
    binds = _binds(spec)
    return Preview(f"Call {whose} {spec.name}?", guard=binds, binds=binds, by_agent=spec.by_agent)


def _changed(spec: ToolSpec, found: dict[str, Any], approved: str | None) -> Preview:
    now = msgspec.structs.replace(spec, fingerprint=found["fingerprint"], by_agent=found["byAgent"])
    preview = _preview(now)
    since = "it was approved" if approved is not None else "you registered it"
    return replace(preview, message=f"{preview.message} It has changed since {since}.")


def as_text(value: Any) -> str:
    """Return a JSON value for the model: text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


BOUND: tuple[BoundTool, ...] = (
    BoundTool(
        specs.RUN_CODE, run_code, preview_code, needs="kernel", rest="Print less, or a part at a time."
    ),
    BoundTool(
        specs.LIST_VARIABLES, list_variables, needs="kernel", rest="describe_variable tells of one of them."
    ),
    BoundTool(specs.DESCRIBE_VARIABLE, describe_variable, needs="kernel"),
)


def kernel_tools(task: Task) -> list[BoundTool]:
    """Return the tools of the run's kernel, in its language. Only a Python kernel is looked into.

    An approval of other code covers its language too, and no grant for simple code does, which is Python's.
    """
    language = _language(task)
    if language == PYTHON:
        return list(BOUND)
    told = (
        f"Run {title_of(language)} code in the person's live notebook kernel, where their variables are. Returns what "
        "it printed, figures and errors. The person sees the same output."
    )
    spec = msgspec.structs.replace(specs.RUN_CODE, description=told)
    binds = {"language": language}
    return [BoundTool(spec, run_code, preview_code, needs="kernel", rest="Print less.", binds=binds)]


def title_of(language: str) -> str:
    """Return a language's name as people write it: R, Julia, bash."""
    return _TITLES.get(language, language.capitalize())


def about_kernel(work: Work) -> str:
    """Return what a model must know of the run's kernel, "" for one that speaks Python."""
    language = title_of(_language(work.task))
    if work.kernel is None:
        return "No kernel is attached: code cannot be run."
    where = f" {IN_CELLS}" if works_in_cells(work) else ""
    if language == title_of(PYTHON):
        return where.strip()
    return f"The kernel speaks {language}, not Python: write {language} for run_code. Only code sees its variables.{where}"


def _language(task: Task) -> str:
    return PYTHON if task.kernel is None else task.kernel.language


async def _look(work: Work, expression: str) -> Result:
    executed = await _kernel(work).look(expression)
    if not executed.ok:
        raise ToolError(error_text(executed.error or {}))
    return Result(as_text(executed.value))


def _outputs(work: Work, call: Call, cell: CellOutputs | None = None) -> Outputs:
    keep = None if cell is None else cell.take
    return Outputs(work.emit, call.id, work.task.limits.get("outputBytes", DEFAULT_CAP), keep)


async def _run(work: Work, call: Call, code: str, outputs: Outputs, *, as_cell: bool = False) -> Executed:
    async def waiting(text: str) -> None:
        await work.note(call.id, text)

    return await _kernel(work).run_code(code, outputs.take, waiting, as_cell=as_cell)


async def _end(outputs: Outputs, executed: Executed) -> None:
    await _take_error(outputs, executed)
    await outputs.finish()


async def _take_error(outputs: Outputs, executed: Executed) -> None:
    if executed.error is not None and not outputs.failed:
        await outputs.take({"output_type": "error", **executed.error})


def _kernel(work: Work) -> KernelPort:
    if work.kernel is None:
        raise ToolError("This thread has no kernel.")
    return work.kernel
