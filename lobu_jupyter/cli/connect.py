"""The server that a command talks to: a named one, else a running one of this user.

``--url`` and ``--token``, or LOBU_URL and LOBU_TOKEN, name a server. Of several running servers with
lobu_jupyter, the command uses the one whose root holds the current directory most closely, then the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobu_jupyter.client.errors import NoLobuThere, ServerGone
from lobu_jupyter.client.http import Client
from lobu_jupyter.client.servers import Server, running_servers, verification
from lobu_jupyter.model.errors import InvalidField, LobuError, NotAllowed, ThreadNotFound
from lobu_jupyter.model.requests import NewThread

from .names import thread_of

if TYPE_CHECKING:
    import click
    import httpx

    from lobu_jupyter.client.tls import Verify

NOBODY = (
    "No running Jupyter server with lobu_jupyter was found. Start one (`jupyter lab` or `lobu serve`), "
    "or name it: LOBU_URL=http://… LOBU_TOKEN=…"
)


class NoServer(LobuError):
    """No server was found; the message says what to do."""

    code = "no_server"


@dataclass(frozen=True)
class Reached:
    """A server's address and the person's token."""

    url: str
    token: str | None
    how: str
    verify: Verify = True

    def options(self) -> dict[str, Any]:
        """Return the options for a client of the server."""
        return {"token": self.token, "verify": self.verify, "via": "cli"}

    def client(self, **more: Any) -> Client:
        return Client(self.url, **{**self.options(), **more})


def reach(ctx: click.Context) -> Reached:
    """Return the server of this command.

    Raises:
        NoServer: there is none, or none that knows us.
    """
    given: dict[str, Any] = ctx.find_root().params
    if given.get("url"):
        return Reached(str(given["url"]), given.get("token"), "named", verification())
    refused: list[str] = []
    for server in sorted(running_servers(), key=_nearness, reverse=True):
        token = given.get("token") or server.get("token") or None
        found = Reached(server["url"], token, f"running, process {server['pid']}", verification(local=True))
        try:
            with found.client(patience=0.0) as client:
                client.health()
        except (NoLobuThere, ServerGone):
            continue
        except NotAllowed as error:
            refused.append(str(error))
            continue
        except LobuError:
            return found  # it is ours, and says what is wrong with it
        return found
    raise NoServer(" ".join([NOBODY, *refused]))


def thread_id_of(client: Client, thread: str | None) -> str:
    """Return a thread's id, given that id, its first digits or a name that finds it again. None creates a thread."""
    if thread is None:
        return client.threads.create().thread_id
    try:
        return client.threads.get(thread_of(client, thread)).thread_id
    except ThreadNotFound:
        return client.threads.create(NewThread(name=thread, reuse=True)).thread_id


def thread_at(client: Client, notebook: str | None, kernel: str | None) -> str:
    """Return the thread of a notebook (its path on the server) or of a kernel (its id, or the first digits).

    It is found again as `%lobu` there finds it. Else it is new.

    Raises:
        InvalidField: the server has no such kernel.
    """
    kernel_id = _kernel_of(client, notebook, kernel)
    return client.threads.create(NewThread(notebook_path=notebook, kernel_id=kernel_id, reuse=True)).thread_id


def _kernel_of(client: Client, notebook: str | None, kernel: str | None) -> str | None:
    """Return the id of the kernel that is named, else of the one that runs for the notebook."""
    with client.rest() as rest:
        if kernel is None:
            sessions: list[dict[str, Any]] = _list_of(rest, f"{client.url}api/sessions")
            of = [
                one["kernel"]["id"] for one in sessions if one.get("path") == notebook and one.get("kernel")
            ]
            return str(of[0]) if of else None
        ids = [str(one["id"]) for one in _list_of(rest, f"{client.url}api/kernels")]
    found = [one for one in ids if one.startswith(kernel)]
    if len(found) != 1:
        raise InvalidField(
            f"--kernel {kernel}: {'several kernels begin so' if found else 'the server has no such kernel'}. "
            f"Running: {', '.join(ids) or 'none'}",
            field="kernel",
        )
    return found[0]


def _list_of(rest: httpx.Client, url: str) -> list[dict[str, Any]]:
    response = rest.get(url)
    if response.status_code != 200:
        raise LobuError(f"HTTP {response.status_code} from {url}")
    return response.json()


def _nearness(server: Server) -> tuple[int, float]:
    root = Path(server.get("root_dir") or "/")
    here = Path.cwd()
    depth = len(root.parts) if here == root or root in here.parents else 0
    return depth, float(server.get("pid") or 0)
