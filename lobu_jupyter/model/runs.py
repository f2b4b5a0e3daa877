"""Threads and runs: the values that every layer passes on, and their wire form (camelCase JSON)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

from .model_settings import ModelSettings


class RunStatus(StrEnum):
    QUEUED = "queued"  # accepted, waits its turn on the thread
    RUNNING = "running"  # begun: a worker holds, or will fetch, the lease
    SUCCEEDED = "succeeded"
    INTERRUPTED = "interrupted"  # ended, waits for a person, but no process waits
    CANCELLED = "cancelled"
    FAILED = "failed"


LIVE = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})


class ThreadStatus(StrEnum):
    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"  # open interrupts


class ErrorCode(StrEnum):
    """The reasons for a run's failure: the ``code`` of its RUN_ERROR."""

    KERNEL_DIED = "kernel_died"
    KERNEL_RESTARTED = "kernel_restarted"
    KERNEL_SHUTDOWN = "kernel_shutdown"
    KERNEL_START_FAILED = "kernel_start_failed"
    WORKER_DIED = "worker_died"
    WORKER_LOST = "worker_lost"
    SERVER_RESTARTED = "server_restarted"
    PROVIDER_ERROR = "provider_error"
    NO_MODEL = "no_model"
    GUARDRAIL = "guardrail"
    EXPIRED = "expired"
    BUDGET_EXCEEDED = "budget_exceeded"
    REPLAY_MISMATCH = "replay_mismatch"
    INTERNAL = "internal"


Mode = Literal["ask", "allow", "deny"]
RunMode = Literal["ask", "allow", "deny", "plan"]
"""A run's mode. ``plan``: only reads until a person has approved a plan."""
WorkIn = Literal["chat", "cells"]


class Wire(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of values that travel as camelCase JSON."""


class Thread(Wire, frozen=True, kw_only=True):
    """A conversation. Times are ISO 8601 UTC. ``cursor`` is the last seq of its journal."""

    thread_id: str
    owner: str
    status: ThreadStatus
    cursor: int = 0
    title: str = ""
    name: str | None = None  # the name that `--thread NAME` finds it by
    notebook_path: str | None = None
    kernel_id: str | None = None
    archived: bool = False
    temporary: bool = False
    created_at: str
    updated_at: str


class RunError(Wire, frozen=True, kw_only=True):
    code: str
    message: str


class RunInfo(Wire, frozen=True, kw_only=True):
    """One stretch of agent work. ``usage`` is AG-UI's TokenUsage, summed over the run."""

    run_id: str
    thread_id: str
    status: RunStatus
    parent_run_id: str | None = None  # the interrupted run that this one resumes
    agent: str
    model: str | None = None
    model_settings: ModelSettings | None = None
    mode: RunMode | None = None
    kernel_id: str | None = None
    cell_id: str | None = None  # the cell of `%lobu` that shows it
    client_request_id: str | None = None
    answerable: bool = True
    prompt: str = ""  # the text of its message, shortened, or "" for one that resumes
    start_cursor: int = 0  # seq of its RUN_STARTED, or 0 while queued
    usage: dict[str, int] = field(default_factory=dict)
    error: RunError | None = None
    created_at: str
    ended_at: str | None = None


class Started(Wire, frozen=True, kw_only=True):
    """The response to a start or a resume. Follow from ``cursor`` to see all of the run."""

    run_id: str
    thread_id: str
    cursor: int


class Entry(Struct, frozen=True, gc=False):
    """One journaled event: its seq and its JSON bytes, encoded once."""

    seq: int
    body: bytes
