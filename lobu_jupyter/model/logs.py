"""Log levels of the libraries that we use."""

from __future__ import annotations

import logging

_CLIENTS = ("httpx", "httpx2", "httpcore", "httpcore2")


def keep_addresses_out_of_logs() -> None:
    """Let HTTP clients log warnings only: at INFO they write each address, which may hold a key."""
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
