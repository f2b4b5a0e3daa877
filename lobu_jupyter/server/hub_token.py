"""The proof by which the hub's service knows this server: the token and the certificates that the hub gave it."""

from __future__ import annotations

import os
from typing import Any

from .face.wire import SERVER_HEADER, VERSION, VERSION_HEADER

_TLS = {"ca_certs": "CLIENT_CA", "client_cert": "CERTFILE", "client_key": "KEYFILE"}


def request_options() -> dict[str, Any]:
    """Return the headers and TLS files of a connection to the service."""
    headers = {
        "Authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}",
        SERVER_HEADER: os.environ.get("JUPYTERHUB_SERVER_NAME", ""),
        VERSION_HEADER: str(VERSION),
    }
    files = {name: os.environ.get(f"JUPYTERHUB_SSL_{variable}") for name, variable in _TLS.items()}
    return {"headers": headers, **{name: path for name, path in files.items() if path}}
