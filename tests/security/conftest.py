"""The rig of the gateway's tests and the real servers of the server's tests serve the security tests too."""

from tests.gateway.conftest import rig  # noqa: F401
from tests.server.conftest import *  # noqa: F403
