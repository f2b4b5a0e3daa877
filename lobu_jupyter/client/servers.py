"""The Jupyter servers of this user, from the file that each writes at its start (``jpserver-*.json``).

Nothing of jupyter_server is imported. The files are readable by their owner only, and hold the token.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .tls import Verify, with_certificate_of_hub

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


def verification(*, local: bool = False) -> Verify:
    """Return whether to check certificates, the path of the authority to trust, or a context.

    ``LOBU_VERIFY`` is a path or 0. A server of our own machine signs its own, and may ask for a certificate of ours.
    """
    given = os.environ.get("LOBU_VERIFY")
    verify = not local if given is None else False if given == "0" else given
    return with_certificate_of_hub(verify) if local else verify


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, TypeError, ValueError):
        return False
    return True
