"""The Jupyter servers of this user, from the file that each writes at its start (``jpserver-*.json``).

Nothing of jupyter_server is imported. The files are readable by their owner only, and hold the token.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Server = dict[str, Any]
"""``url``, ``pid``, ``root_dir``, ``token`` ("" if the login is another) and more."""


def running_servers(parent: int | None = None) -> list[Server]:
    """Return the servers whose process is alive, the one with the id `parent` first."""
    from jupyter_core.paths import jupyter_runtime_dir

    servers: list[Server] = []
    for file in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            server = json.loads(file.read_text())
        except (OSError, ValueError):
            continue  # gone or half written
        if server.get("url") and _alive(server.get("pid")):
            servers.append(server)
    return sorted(servers, key=lambda server: server["pid"] != parent)


def verification(*, local: bool = False) -> bool | str:
    """Return whether to check certificates, or the path of the authority to trust.

    ``LOBU_VERIFY`` is a path or 0. A server of our own machine signs its own.
    """
    given = os.environ.get("LOBU_VERIFY")
    if given is None:
        return not local
    return False if given == "0" else given


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, TypeError, ValueError):
        return False
    return True
