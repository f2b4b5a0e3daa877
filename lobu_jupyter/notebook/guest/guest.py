"""An agent's code as a guest in the person's kernel: it runs, and leaves their things as they were.

The worker sends this module and :mod:`looks` as source with each request (the kernel may run in an
environment without lobu_jupyter), so both use only the standard library and what IPython has loaded.

A request is JSON: ``{"do": "run", "code", "asCell"}``, ``{"do": "tool", "name", "args", "approved"}`` or ``{"do":
"look", "expression"}``. A result is ``{"state": "done", "ok", "error"?, "value"?, "changed"?, "count"?, "seconds"}``, or
``{"state": "unwanted"}`` when the request was withdrawn before it began: then nothing ran.

The guest asks its executor over the stdin channel before it runs and before it leaves. The first
question withdraws a request that can no longer be taken back from the kernel's queue. The second
waits until no interrupt is on its way, so that none ever hits the person's next cell.
"""

from __future__ import annotations

import asyncio
import builtins
import getpass
import inspect
import json
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from . import looks
from .throttle import throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

RESULT_MIME = "application/vnd.lobu.result+json"
LOOK_TARGET = "lobu.look"
INLINE_SESSION = "lobu-inline"
ANSWER_SECONDS = 3.0  # the executor answers in about a millisecond, or it is gone
ASK_AGAIN_SECONDS = 0.1  # a question is lost while the executor's stdin socket still connects
MOST_WIDGETS, MOST_WIDGET_TEXT = 50, 2000
_CALLERS = (__name__, "lobu_jupyter.notebook.tools.decorator")
UNWANTED: dict[str, Any] = {"state": "unwanted"}

_results: dict[str, dict[str, Any]] = {}


async def serve(shell: Any, request_id: str, text: str) -> None:
    """Run the request that the kernel is handling now. :func:`take` returns its result."""
    with _Interrupts() as interrupts:
        if not _ask(shell.kernel, "begin"):
            _results[request_id] = UNWANTED
            return
        install(shell)
        _results[request_id] = await interrupts.run(_result(shell, json.loads(text)))
        _ask(shell.kernel, "end")


def take(request_id: str) -> Taken:
    """Return the result of :func:`serve`, to be read as a user expression of the same request."""
    return Taken(_results.pop(request_id, UNWANTED))


class Taken:
    """A result that displays itself as JSON under :data:`RESULT_MIME`."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": "", RESULT_MIME: json.dumps(self.result)}


def serve_inline(shell: Any, request_id: str, text: str) -> dict[str, Any]:
    """Run a request on this (the main) thread inside a waiting cell, and publish all of it on iopub.

    Busy, outputs, the result and idle carry `request_id` as their parent's msg_id. Like
    :func:`serve` it asks before it leaves, so that no interrupt of this request hits the waiting cell. The
    request's ``"asks"`` is the executor's identity on the stdin channel.
    """
    work: dict[str, Any] = {**json.loads(text), "asCell": False}  # the waiting cell has the number
    asks: str | None = work.get("asks")
    with _Interrupts() as interrupts, _as_request(shell.kernel, request_id, asks) as request:
        with _stepped_out_of_the_loop() as loop:
            result: dict[str, Any] = loop.run_until_complete(interrupts.run(_result(shell, work)))
        if asks is not None:
            _ask(shell.kernel, "end")
        _flush()
        _publish_result(shell.kernel, result, request)
    return result


def refuse_inline(shell: Any, request_id: str) -> None:
    """Tell the executor, from any thread, that the cell left before it ran the request."""
    kernel, request = shell.kernel, _inline_request(shell.kernel, request_id)
    _publish_state(kernel, "busy", request)
    _publish_result(kernel, UNWANTED, request)
    _publish_state(kernel, "idle", request)


def install(shell: Any) -> None:
    """Answer looks over a comm, so that a subshell can look while the person's cell runs."""
    if LOOK_TARGET not in shell.kernel.comm_manager.targets:
        manager = shell.kernel.comm_manager
        manager.register_target(LOOK_TARGET, partial(_on_look, manager))


def _on_look(manager: Any, comm: Any, message: dict[str, Any]) -> None:
    comm.send(data=_look(message["content"]["data"]["expression"]))
    # Forgotten as if the executor had closed it: a page reports the close of what it never saw open.
    manager.comm_close(None, None, {"content": {"comm_id": comm.comm_id}})


# -- doing


async def _result(shell: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "look":
        return _look(request["expression"])
    began = time.monotonic()
    with _untouched(shell), _as_agent(), throttled(shell, request.get("bytesPerSecond")):
        if request["do"] == "tool":
            result = await _call(shell, request["name"], request["args"], request.get("approved"))
        else:
            result = await _run(shell, request["code"], counted=request.get("asCell", False))
    return {"state": "done", **result, **_widgets(), "seconds": time.monotonic() - began}


async def _run(shell: Any, code: str, *, counted: bool) -> dict[str, Any]:
    failed, number = None, {"count": shell.execution_count} if counted else {}
    try:
        cell = shell.transform_cell(code)
    except Exception:  # noqa: BLE001  whatever a transformer raises is shown as the cell's error
        cell, failed = code, sys.exc_info()
    if shell.should_run_async(code, transformed_cell=cell, preprocessing_exc_tuple=failed):
        done = await shell.run_cell_async(
            code, store_history=counted, transformed_cell=cell, preprocessing_exc_tuple=failed
        )
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", done)
    else:
        done = shell.run_cell(code, store_history=counted)
    error = done.error_before_exec or done.error_in_exec
    if error is None:
        return {"ok": True, **number}
    lines = getattr(shell, "_last_traceback", None) or traceback.format_exception(error)
    return {"ok": False, "error": looks.error_of(error, lines), **number}


def _widgets() -> dict[str, Any]:
    """Return the plain form of the newest widgets, by model id: a progress bar's is its last state."""
    module = sys.modules.get("ipywidgets.widgets.widget")
    instances: dict[str, Any] = getattr(module, "_instances", None) or {}
    told: dict[str, str] = {}
    for model_id in list(instances)[-MOST_WIDGETS:]:
        try:
            told[model_id] = looks.widget_text(instances[model_id])[:MOST_WIDGET_TEXT]
        except Exception:  # noqa: BLE001  a widget's repr is the person's code: it keeps its first form
            continue
    return {"widgets": told} if told else {}


async def _call(shell: Any, name: str, args: dict[str, Any], approved: str | None) -> dict[str, Any]:
    from lobu_jupyter.notebook.tools import decorator

    changed = decorator.changed(name, approved)
    if changed is not None:
        return {"ok": False, "changed": changed}
    try:
        value = decorator.call(name, args)
        if inspect.isawaitable(value):
            value = await value
        if inspect.isasyncgen(value):
            value = [part async for part in value]
        return {"ok": True, "value": decorator.as_json(value)}
    except BaseException as error:  # noqa: BLE001  the person's function: all that it raises is its result
        return {"ok": False, "error": looks.error_of(error, _of_the_person(shell, error))}


def _of_the_person(shell: Any, error: BaseException) -> list[str]:
    """Return the traceback from the person's function on, without our frames that called it."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_globals.get("__name__") in _CALLERS:
        at = at.tb_next
    if at is None:
        return traceback.format_exception_only(error)
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, at, tb_offset=0)
    return lines


def _look(expression: str) -> dict[str, Any]:
    """Evaluate ``list_variables()`` or ``describe_variable(…)`` (with or without its module's path)."""
    expression = expression.replace("lobu_jupyter.notebook.guest.looks.", "looks.")
    names = {"looks": looks, **{name: getattr(looks, name) for name in looks.__all__}}
    try:
        return {"state": "done", "ok": True, "value": eval(expression, names)}
    except Exception as error:  # noqa: BLE001  a look touches the person's objects, whose methods may raise anything
        return _stopped(error)


# -- a good guest


@contextmanager
def _as_agent() -> Generator[None]:
    """Mark tools that the code registers with ``@lobu.tool`` as the agent's. The person's stay the same."""
    decorator = sys.modules.get("lobu_jupyter.notebook.tools.decorator")
    if decorator is not None:
        with decorator.agent_code():
            yield
        return
    yield
    decorator = sys.modules.get("lobu_jupyter.notebook.tools.decorator")
    if decorator is not None:  # the code was the first to load it: all that it has is the code's
        decorator.all_by_agent()


@contextmanager
def _untouched(shell: Any) -> Generator[None]:
    """Restore the person's ``_``, ``__``, ``___``, ``_N``, ``Out`` and ``input`` afterwards."""
    names, hook, outs = shell.user_ns, shell.displayhook, shell.user_ns["_oh"]
    unders = {name: names.get(name) for name in ("_", "__", "___", f"_{shell.execution_count}")}
    hooked = {name: getattr(hook, name) for name in ("_", "__", "___")}
    had = dict(outs)
    asks = builtins.input, getpass.getpass
    builtins.input = getpass.getpass = _no_input
    try:
        yield
    finally:
        builtins.input, getpass.getpass = asks
        outs.clear()
        outs.update(had)
        for name, value in unders.items():
            if value is None:
                names.pop(name, None)
            else:
                names[name] = value
        for name, value in hooked.items():
            setattr(hook, name, value)


def _no_input(*_: object, **__: object) -> str:
    from IPython.core.error import StdinNotImplementedError

    error = StdinNotImplementedError(
        "input() cannot be answered in an agent's code: use the ask_user tool to ask the person."
    )
    shown = [f"StdinNotImplementedError: {error}"]
    error._render_traceback_ = lambda: shown  # pyright: ignore[reportAttributeAccessIssue]  IPython would show our frame
    raise error


class _Interrupts:
    """A context in which SIGINT stops the agent's code, however deep it is, and nothing else.

    In the agent's own step SIGINT raises KeyboardInterrupt. While the code awaits, SIGINT cancels it.
    Before and after the code, SIGINT does nothing.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._main = threading.current_thread() is threading.main_thread()
        self._previous: Any = None

    def __enter__(self) -> _Interrupts:
        if self._main:
            self._previous = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._previous)

    async def run(self, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        self._task = asyncio.ensure_future(_contained(work))
        try:
            return await self._task
        except asyncio.CancelledError:  # before its first step
            return _stopped(KeyboardInterrupt())
        finally:
            self._task = None

    def _on_interrupt(self, *_: object) -> None:
        task = self._task
        if task is None or task.done():
            return
        loop = task.get_loop()
        if asyncio.current_task(loop) is task:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(task.cancel)


async def _contained(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    try:
        return await work
    except BaseException as error:  # noqa: BLE001  a KeyboardInterrupt that leaves a task stops the kernel's loop
        return _stopped(error)


def _stopped(error: BaseException) -> dict[str, Any]:
    last = traceback.format_exception(error)[-3:]
    return {"state": "done", "ok": False, "error": looks.error_of(error, last)}


# -- talking to the executor


def _ask(kernel: Any, question: str) -> bool:
    """Ask the executor over stdin, and return whether it says yes. No reply in time is a no."""
    parent, ident = kernel.get_parent("shell"), kernel._parent_ident["shell"]
    asked: set[str] = set()
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        content = {"prompt": f"lobu:{question}", "password": False}
        sent = kernel.session.send(kernel.stdin_socket, "input_request", content, parent, ident=ident)
        asked.add(sent["header"]["msg_id"])
        answer = _answer(kernel, asked)
        if answer is not None:
            return answer
    return False


def _answer(kernel: Any, asked: set[str]) -> bool | None:
    end = time.monotonic() + ASK_AGAIN_SECONDS
    while (left := end - time.monotonic()) > 0:
        if not kernel.stdin_socket.poll(left * 1000):
            continue
        _, reply = kernel.session.recv(kernel.stdin_socket)
        if reply is not None and reply["parent_header"].get("msg_id") in asked:
            return reply["content"].get("value") == "yes"
    return None


@contextmanager
def _as_request(kernel: Any, request_id: str, asks: str | None) -> Generator[dict[str, Any]]:
    """Make `request_id` the parent of all that is published on iopub, between busy and idle."""
    previous, ident = kernel.get_parent("shell"), kernel._parent_ident["shell"]
    request = _inline_request(kernel, request_id)
    _flush()
    kernel.set_parent([] if asks is None else [asks.encode()], request)
    _publish_state(kernel, "busy", request)
    try:
        yield request
    finally:
        _flush()
        _publish_state(kernel, "idle", request)
        kernel.set_parent(ident, previous)


def _inline_request(kernel: Any, request_id: str) -> dict[str, Any]:
    request: dict[str, Any] = kernel.session.msg("execute_request")
    request["header"].update(msg_id=request_id, session=INLINE_SESSION)
    request["msg_id"] = request_id
    return request


def _publish_state(kernel: Any, state: str, request: dict[str, Any]) -> None:
    content = {"execution_state": state}
    kernel.session.send(kernel.iopub_socket, "status", content, request, ident=b"kernel.lobu.status")


def _publish_result(kernel: Any, result: dict[str, Any], request: dict[str, Any]) -> None:
    content = {"data": {RESULT_MIME: json.dumps(result)}, "metadata": {}, "transient": {}}
    kernel.session.send(kernel.iopub_socket, "display_data", content, request, ident=b"kernel.lobu.result")


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


_own_loop: list[asyncio.AbstractEventLoop] = []


@contextmanager
def _stepped_out_of_the_loop() -> Generator[asyncio.AbstractEventLoop]:
    """Yield a loop of our own to run on this thread while a cell runs on the kernel's loop.

    asyncio forbids nesting. These private calls leave the running loop and its task for a while
    (tests/worker/kernel/test_inline.py pins them).
    """
    running: asyncio.AbstractEventLoop | None = asyncio._get_running_loop()
    task = None if running is None else asyncio.current_task(running)
    if not _own_loop or _own_loop[0].is_closed():
        _own_loop[:] = [asyncio.new_event_loop()]
    leave: Callable[..., None] = asyncio.tasks._leave_task
    enter: Callable[..., None] = asyncio.tasks._enter_task
    if task is not None:
        leave(running, task)
    asyncio._set_running_loop(None)
    try:
        yield _own_loop[0]
    finally:
        asyncio._set_running_loop(running)
        if task is not None:
            enter(running, task)
