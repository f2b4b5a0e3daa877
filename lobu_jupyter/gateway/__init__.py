"""The rules of the system behind one class, :class:`~lobu_jupyter.gateway.gateway.Gateway`."""

from .gateway import Gateway, open_gateway
from .settings import Settings

__all__ = ["Gateway", "Settings", "open_gateway"]
