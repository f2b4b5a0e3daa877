"""The rig of the gateway's tests serves the security tests too."""

from tests.gateway.conftest import rig, store

__all__ = ["rig", "store"]
