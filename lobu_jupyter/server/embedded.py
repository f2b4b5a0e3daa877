"""Embedded mode: a server that a kernel or a script starts for itself, and that ends with it.

That starter is the parent process. It passes its pid, because it may be dead before this process can ask
for it. A thread watches for its death, so that a blocked event loop cannot keep this process alive. Within
two seconds this process and its workers are gone.
"""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.2
GRACE_SECONDS = 1.2


class EmbeddingKernel(AsyncIOLoopKernelManager):
    """The kernel that started this server, known by its connection file. We never start or stop it."""

    def __init__(self, connection_file: str, parent: int) -> None:
        super().__init__(connection_file=connection_file)
        self.load_connection_file()
        self.parent_pid = parent

    async def is_alive(self) -> bool:
        """Return whether the parent process is still there."""
        return os.getppid() == self.parent_pid


def kernel_id_of(connection_file: str) -> str:
    """Return the id in ``kernel-<id>.json``, or another file's whole stem."""
    stem = Path(connection_file).stem
    found = re.fullmatch(r"kernel-(.+)", stem)
    return found.group(1) if found else stem


def end_with_parent(parent: int, stop: Callable[[], None]) -> None:
    """Call `stop` from a thread when the process `parent` dies, and exit soon after in any case."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        stop()
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="lobu: end with the parent", daemon=True).start()
