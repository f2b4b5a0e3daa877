"""The discovery of this kernel's gateway: the Jupyter server that started it, by the kernel's signature.

``LOBU_URL`` (with ``LOBU_TOKEN``) names one outright. The token is removed from the environment, so that
neither code that reads it nor a child process of the kernel finds it there. Otherwise the servers of this
user are asked, the kernel's parent first. The one that knows this kernel's key is ours. Nothing of
jupyter_server is imported, and no secret is passed.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

from lobu_jupyter.client.errors import NoLobuThere, ServerGone
from lobu_jupyter.client.http import Client
from lobu_jupyter.client.servers import running_servers, verification
from lobu_jupyter.model.errors import LobuError, StoreUnavailable

from .errors import NoGateway

if TYPE_CHECKING:
    from lobu_jupyter.client.sign import KernelAuth
    from lobu_jupyter.client.tls import Verify

HOW_TO_ENABLE = (
    "The Jupyter server at {url} runs without lobu_jupyter. Install it in the server's environment "
    "(pip install lobu_jupyter), enable it (jupyter server extension enable lobu_jupyter) and restart "
    "the server; or set LOBU_EMBEDDED=1 in this kernel's environment to run a gateway of its own."
)


BEHIND_A_GATEWAY = (
    "This kernel runs on another machine ({host}), behind a Jupyter gateway, and no Jupyter server has told it its "
    "address. Either the server that you work in has no lobu_jupyter (pip install it there), or it has not reached this "
    "kernel yet: run the cell again in a moment. LOBU_URL names a server outright; LOBU_EMBEDDED=1 runs a gateway of "
    "this kernel's own."
)
UNREACHED = (
    "This kernel ({host}) cannot reach its Jupyter server at {url}: {why}. Set LobuApp.public_url of that server to an "
    "address that the kernel's machine reaches. The side panel and approvals there work without it."
)
DOOR = "_lobu_door"  # as in server/kernels/remote.py


@dataclass(frozen=True)
class ThisKernel:
    """The kernel that we run in: its id, connection key and connection file."""

    kernel_id: str
    key: bytes
    connection_file: Path | None


@dataclass(frozen=True)
class Found:
    """A gateway: the server's URL, how it was found, and what its client needs."""

    url: str
    how: str
    token: str | None = None
    verify: Verify = True
    embedded: bool = False

    def client(self, auth: KernelAuth | None, **options: Any) -> Client:
        """Return a client that acts as the person if a token was given, else as this kernel."""
        return Client(self.url, token=self.token, auth=auth, verify=self.verify, **options)


def this_kernel() -> ThisKernel | None:
    """Return the kernel around us, or None in a plain Python or a terminal."""
    from IPython.core.getipython import get_ipython

    if (door := the_door()) is not None:
        return ThisKernel(door.kernel_id, door.key.encode(), None)
    kernel: Any = getattr(get_ipython(), "kernel", None)
    app: Any = getattr(kernel, "parent", None)
    file = getattr(app, "abs_connection_file", None)
    if not file:
        return None
    return ThisKernel(Path(file).stem.removeprefix("kernel-"), kernel.session.key, Path(file))


def the_door() -> Any:
    """Return what the server behind our gateway has put here for us (``url``, ``kernel_id``, ``key``), or None."""
    return sys.modules.get(DOOR)


def find(kernel: ThisKernel | None, auth: KernelAuth | None) -> Found | None:
    """Return the gateway that knows this kernel, or None.

    Raises:
        NoGateway: this kernel's Jupyter server is there, but without lobu_jupyter, or it is out of reach.
        StoreUnavailable: it is there, but its store cannot be opened.
    """
    if url := os.environ.get("LOBU_URL"):
        return Found(url, "LOBU_URL", _taken_token(), verification())
    if kernel is None or auth is None or os.environ.get("LOBU_EMBEDDED") == "1":
        return None
    if (door := the_door()) is not None:
        return _through(door, auth)
    if os.environ.get("KERNEL_GATEWAY") == "1":
        raise NoGateway(BEHIND_A_GATEWAY.format(host=gethostname()))
    parent = _number(os.environ.get("JPY_PARENT_PID"))
    for server in running_servers(parent):
        found = Found(
            server["url"], f"Jupyter server, process {server['pid']}", verify=verification(local=True)
        )
        if _knows_us(found, auth, is_parent=server["pid"] == parent):
            return found
    return None


def _through(door: Any, auth: KernelAuth) -> Found:
    found = Found(door.url, "Jupyter server, behind a gateway", verify=verification())
    with found.client(auth, patience=_DOOR_PATIENCE) as client:
        try:
            client.health()
        except ServerGone as error:
            why = error.__cause__ or error
            raise NoGateway(UNREACHED.format(host=gethostname(), url=door.url, why=why)) from error
        except NoLobuThere as error:
            raise NoGateway(HOW_TO_ENABLE.format(url=door.url)) from error
    return found


_DOOR_PATIENCE = 2.0
_token: str | None = None


def _taken_token() -> str | None:
    global _token
    _token = os.environ.pop("LOBU_TOKEN", None) or _token
    return _token


def _knows_us(found: Found, auth: KernelAuth, *, is_parent: bool) -> bool:
    with found.client(auth, patience=2.0 if is_parent else 0.0) as client:
        try:
            client.health()
        except NoLobuThere as error:
            if is_parent:
                raise NoGateway(HOW_TO_ENABLE.format(url=found.url)) from error
            return False
        except StoreUnavailable:
            if is_parent:
                raise
            return False
        except (ServerGone, LobuError):
            return False  # another's server, or one that just ends
    return True


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
