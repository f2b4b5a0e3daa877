"""Errors between a client and the gateway, besides the gateway's own."""

from __future__ import annotations

from lobu_jupyter.model.errors import LobuError


class ServerGone(LobuError):
    """The Jupyter server does not answer any more; is it still running?"""

    code = "server_gone"


class NoLobuThere(LobuError):
    """There is a Jupyter server, but lobu_jupyter is not enabled on it.

    Install it where the server runs (`pip install lobu_jupyter`), then restart the server;
    `jupyter server extension list` shows whether it is enabled.
    """

    code = "no_lobu"
