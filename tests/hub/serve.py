"""``make hub``: a hub with its proxy, a database, the lobu service and two people on loopback, until Ctrl+C."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.postgres import new_cluster

from .hub import PEOPLE, Hub
from .service import LobuService

WELCOME = """
The hub is at      {url}
Log in as          {people}, with any password (it is a hub for trying; no one but this machine reaches it)
Pending approvals  {url}services/lobu/
Administrator      admin, who also sees {url}services/lobu/admin
Logs               {home}

Try: log in as ada, ask the agent to run code, stop your server at {url}hub/home, approve at the page above.
Ctrl+C ends all of it.
"""


def main() -> int:
    """Serve until a signal comes."""
    home = Path(tempfile.mkdtemp(prefix="lobu-hub-"))
    signal.signal(signal.SIGTERM, _interrupt)
    print("starting PostgreSQL, the hub and the lobu service …", flush=True)
    cluster = new_cluster()
    service = LobuService(home / "service", cluster.address)
    hub = Hub(home / "hub", alone=False, **service.hub_settings())
    try:
        service.start(hub)  # a hub waits half a minute for a service that is not there
        hub.start()
        print(WELCOME.format(url=hub.url, people=" or ".join(PEOPLE), home=home), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("\nending …", flush=True)
    finally:
        hub.stop()
        service.stop()
        cluster.remove()
    shutil.rmtree(home, ignore_errors=True)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
