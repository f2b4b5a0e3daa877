"""TLS as a client: the authority to trust, and the certificate to show."""

from __future__ import annotations

import os
import ssl

Verify = bool | str | ssl.SSLContext
"""Whether to check certificates, the path of the authority to trust, or a whole context."""


def context_of(verify: bool | str, certfile: str, keyfile: str = "") -> ssl.SSLContext:
    """Return a context that shows the certificate of these files. Without `keyfile`, its key is in `certfile`."""
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certfile, keyfile or None)
    return context


def with_certificate_of_hub(verify: bool | str) -> Verify:
    """Return `verify` with the certificate that a hub with ``internal_ssl`` gave to our server, if there is one.

    Such a server takes no connection without one. Kernels and terminals inherit its path.
    """
    certfile = os.environ.get("JUPYTERHUB_SSL_CERTFILE", "")
    if not certfile:
        return verify
    try:
        return context_of(verify, certfile, os.environ.get("JUPYTERHUB_SSL_KEYFILE", ""))
    except OSError:
        return verify  # its files are not for us: the connection will say so
