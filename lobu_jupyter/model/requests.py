"""The requests of callers: each body or query is one struct, which the route decodes and the gateway takes.

An id that says which thing a request is about is an argument beside it. A client leaves defaults out.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from .bounds import Count, Id, Limit, Messages, Name, Objects, Search, Text
from .client_tools import ClientTools, SharedState
from .model_settings import ModelSettings
from .runs import RunMode, RunStatus, WorkIn


class RequestBody(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of the bodies of requests. Unknown members are refused."""


class RequestQuery(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of the queries of requests. Unknown arguments are ignored."""


class NewThread(RequestBody, frozen=True, kw_only=True):
    """The body of ``POST threads``.

    ``reuse``: take the newest live thread of this notebook, kernel or name, if there is one. Without
    ``create`` there must be one.
    """

    title: Name = ""
    name: Name | None = None
    notebook_path: Name | None = None
    kernel_id: Name | None = None
    temporary: bool = False
    reuse: bool = False
    create: bool = True


class ThreadPatch(RequestBody, frozen=True, kw_only=True):
    """The body of ``PATCH threads/{t}``: the fields to change. None removes the kernel or notebook."""

    title: Name | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    kernel_id: Name | UnsetType | None = UNSET
    notebook_path: Name | UnsetType | None = UNSET


class ThreadsQuery(RequestQuery, frozen=True, kw_only=True):
    """The query of ``GET threads``. ``before``: the updatedAt of the previous page's last thread."""

    search: Search | None = None
    notebook_path: Name | None = None
    name: Name | None = None
    kernel_id: Name | None = None
    archived: bool = False
    limit: Limit = 50
    before: Name | None = None


class StartRun(RequestBody, frozen=True, kw_only=True):
    """The body of ``POST threads/{t}/runs``. One of ``prompt`` and ``messages`` is needed.

    ``messages`` are AG-UI messages. Only the trailing user message counts. ``tools`` and ``state``: of the client, see
    client_tools.py. ``work_in``: where the code of ``run_code`` is shown, in the chat or in the notebook's cells, below
    ``below_cell`` or at the end. ``cell_id``: the notebook's cell that asks, whose output shows the run. ``review_cells``:
    ask before each change of a cell, whatever mode or grant allows it.
    """

    prompt: Text | None = None
    messages: Messages | None = None
    agent: Name | None = None
    model: Name | None = None
    kernel_id: Name | None = None
    client_request_id: Name | None = None
    mode: RunMode | None = None
    if_running: Literal["cancel", "queue"] | None = None
    if_waiting: Literal["cancel", "queue"] | None = None  # `if_running: queue` queues behind a question too
    answerable: bool = True
    model_settings: ModelSettings | None = None
    context: Objects = field(default_factory=list)  # AG-UI Context: description, value
    work_in: WorkIn | None = None
    below_cell: Name | None = None
    cell_id: Name | None = None
    review_cells: bool = False
    tools: ClientTools = field(default_factory=list)
    state: SharedState | None = None


class Rebuild(RequestBody, frozen=True, kw_only=True):
    """The body of ``POST threads/{t}/rebuild``. ``kernel_id``: the kernel to fill again."""

    kernel_id: Id | None = None
    client_request_id: Id | None = None


class UndoRequest(RequestBody, frozen=True, kw_only=True):
    """The body of ``POST threads/{t}/undo``. One of ``run_id`` and ``undo_id`` is needed.

    ``run_id``: take back what this run and those after it changed. ``undo_id``: make again what that undo took back.
    ``digest``: of the preview to be done. Without it, nothing is done and the response is the preview.
    """

    run_id: Id | None = None
    undo_id: Id | None = None
    digest: Id | None = None


class RunsQuery(RequestQuery, frozen=True, kw_only=True):
    """The query of ``GET runs``."""

    thread_id: Id | None = None
    status: RunStatus | None = None
    limit: Limit = 50


class AuditQuery(RequestQuery, frozen=True, kw_only=True):
    """The query of ``GET audit``. ``before``: the ``number`` of the previous page's last row."""

    thread_id: Id | None = None
    limit: Limit = 100
    before: Count | None = None
