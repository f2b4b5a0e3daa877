"""The callers: a person, the kernel that acts for one, or a worker."""

from __future__ import annotations

from msgspec import Struct

OWNER = "owner"
"""The one person of a server without real users (Jupyter's default token login)."""


class Person(Struct, frozen=True):
    """A person with a Jupyter login."""

    name: str
    remote: str = ""
    via: str = "rest"  # where the call came from, for the audit: rest, page, cli, agui …


class KernelCaller(Struct, frozen=True):
    """A kernel that proved itself, acting for the person whose kernel it is.

    ``attended``: this server knows that a cell of that person runs there right now, and no agent code. Only
    then may the kernel write. ``decides``: the page of that cell is there, and no agent code has run inside
    the cell. Only then may the kernel decide, grant, change policy or what a thread belongs to. The kernel
    reads and changes threads of its own kernel and ``notebook_path`` only, unless this server is ``embedded``
    in it. ``silenced``: the server accepts no writes from kernels. ``visited``: a cell of another person runs
    there, so it reads nothing in its person's name either.
    """

    kernel_id: str
    name: str
    attended: bool
    decides: bool = False
    notebook_path: str | None = None
    place: str = ""  # the tree of files that this is a path of
    embedded: bool = False
    silenced: bool = False
    visited: bool = False
    remote: str = ""
    via: str = "kernel"


class WorkerCaller(Struct, frozen=True):
    """A worker that holds its incarnation's token."""

    worker_id: str
    incarnation: int
    name: str = ""
    remote: str = ""
    via: str = "worker"


Caller = Person | KernelCaller | WorkerCaller
