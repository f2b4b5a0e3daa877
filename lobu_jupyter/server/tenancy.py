"""The pool of a server, the place of its files, and the name of its one owner.

On SQLite all of that is one person's on one machine. A store in PostgreSQL may be shared by servers of many people, so
there each server is for itself unless its settings say otherwise.
"""

from __future__ import annotations

import getpass
import os
import platform
from typing import TYPE_CHECKING

from lobu_jupyter.model.callers import OWNER
from lobu_jupyter.server.store_address import is_address

if TYPE_CHECKING:
    from .app import LobuApp

DEFAULT_POOL = "default"


def pool_of(app: LobuApp, store: object) -> str:
    """Return the pool: as configured, else one for a file's servers, else the hub's user, else this user of this host."""
    if app.pool:
        return app.pool
    if not _shared(app, store):
        return DEFAULT_POOL
    return os.environ.get("JUPYTERHUB_USER") or f"{_user()}@{platform.node()}"


def place_of(app: LobuApp, store: object) -> str:
    """Return the place: as configured, else the server's root directory, on a hub that of its user."""
    if app.place:
        return app.place
    whose = os.environ.get("JUPYTERHUB_USER") if _shared(app, store) else None
    return f"{whose or pool_of(app, store)}:{os.path.realpath(app.server.root_dir)}"


def owner_of_server(app: LobuApp, store: object) -> str:
    """Return the name of the one person of a server without users: among other people's servers, that of its pool."""
    return pool_of(app, store) if _shared(app, store) else OWNER


def _shared(app: LobuApp, store: object) -> bool:
    return bool(app.gateway_url) or is_address(str(store))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
