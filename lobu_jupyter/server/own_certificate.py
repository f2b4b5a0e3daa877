"""The certificate that this server's own processes show it, where it takes no connection without one.

A hub with ``internal_ssl`` gives each server a certificate and the authorities of those who may connect: the hub and
its proxy. The server's own certificate is of another authority. So workers, kernels and terminals, which show that
one, would be refused. The server therefore trusts its own certificate too, and no other of that authority.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.netutil import ssl_options_to_context

if TYPE_CHECKING:
    from logging import Logger

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def own_certificate(server: Any) -> list[str] | None:
    """Return the files of the server's certificate and key, if it asks others for a certificate."""
    return [server.certfile, server.keyfile] if server.certfile and server.client_ca else None


def trust_own_certificate(server: Any, log: Logger) -> None:
    """Have the server accept its own certificate from a client, beside those of its authorities."""
    http = getattr(server, "http_server", None)
    if own_certificate(server) is None or http is None or not http.ssl_options:
        return
    try:
        context = ssl_options_to_context(http.ssl_options, server_side=True)
        found = _CERTIFICATE.search(Path(server.certfile).read_text("ascii"))
        if found is not None:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # this one alone, without its authority
            context.load_verify_locations(cadata=found[0])
            http.ssl_options = context
    except (OSError, ValueError) as error:
        log.warning("lobu: workers cannot show this server its own certificate: %s", error)
