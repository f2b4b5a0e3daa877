"""Find the gateway of this kernel: the Jupyter server that started it, by the kernel's own signature.

``LOBU_URL`` (with ``LOBU_TOKEN``) names one outright. Otherwise the servers of this user are asked,
the kernel's parent first: the one that knows this kernel's key is ours. Nothing of jupyter_server is
imported, no secret is passed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..client.errors import NoLobuThere, ServerGone
from ..client.http import Client
from ..model.errors import LobuError, StoreUnavailable
from .errors import NoGateway

if TYPE_CHECKING:
    from ..client.sign import KernelAuth

HOW_TO_ENABLE = (
    "The Jupyter server at {url} runs without lobu_jupyter. Install it in the server's environment "
    "(pip install lobu_jupyter), enable it (jupyter server extension enable lobu_jupyter) and restart "
    "the server; or set LOBU_EMBEDDED=1 in this kernel's environment to run a gateway of its own."
)


@dataclass(frozen=True)
class ThisKernel:
    """The kernel that we run in: its id, connection key and connection file."""

    kernel_id: str
    key: bytes
    connection_file: Path


@dataclass(frozen=True)
class Found:
    """A gateway: the server's URL, how it was found, and what its client needs."""

    url: str
    how: str
    token: str | None = None
    verify: bool | str = True
    embedded: bool = False

    def client(self, auth: KernelAuth | None, **options: Any) -> Client:
        """A client that is a person if a token was given, this kernel otherwise."""
        return Client(self.url, token=self.token, auth=auth, verify=self.verify, **options)


def this_kernel() -> ThisKernel | None:
    """The kernel around us, None in a plain Python or a terminal."""
    from IPython.core.getipython import get_ipython

    kernel: Any = getattr(get_ipython(), "kernel", None)
    app: Any = getattr(kernel, "parent", None)
    file = getattr(app, "abs_connection_file", None)
    if not file:
        return None
    return ThisKernel(Path(file).stem.removeprefix("kernel-"), kernel.session.key, Path(file))


def find(kernel: ThisKernel | None, auth: KernelAuth | None) -> Found | None:
    """The gateway that knows this kernel, None if there is none.

    Raises:
        NoGateway: this kernel's Jupyter server is there, but without lobu_jupyter.
        StoreUnavailable: it is there, but its store cannot be opened.
    """
    if url := os.environ.get("LOBU_URL"):
        return Found(url, "LOBU_URL", os.environ.get("LOBU_TOKEN"), _verify())
    if kernel is None or auth is None or os.environ.get("LOBU_EMBEDDED") == "1":
        return None
    parent = _number(os.environ.get("JPY_PARENT_PID"))
    for server in _servers(parent):
        found = Found(server["url"], f"Jupyter server, process {server['pid']}", verify=_verify(local=True))
        if _knows_us(found, auth, is_parent=server["pid"] == parent):
            return found
    return None


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


def _servers(parent: int | None) -> list[dict[str, Any]]:
    """What the running Jupyter servers of this user wrote about themselves, our parent's first."""
    from jupyter_core.paths import jupyter_runtime_dir

    servers: list[dict[str, Any]] = []
    for file in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            server = json.loads(file.read_text())
        except (OSError, ValueError):
            continue  # gone or half written
        if server.get("url") and _alive(server.get("pid")):
            servers.append(server)
    return sorted(servers, key=lambda server: server["pid"] != parent)


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, TypeError, ValueError):
        return False
    return True


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _verify(*, local: bool = False) -> bool | str:
    """Check certificates? ``LOBU_VERIFY`` is a path or 0; a server of our own machine signs its own."""
    given = os.environ.get("LOBU_VERIFY")
    if given is None:
        return not local
    return False if given == "0" else given
