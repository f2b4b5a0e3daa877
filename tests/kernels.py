"""Real ipykernels, started so that a port which another process took meanwhile does no harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_client.manager import KernelManager

BOOT_SECONDS = 90.0


def start_kernel(make: Callable[[], KernelManager], **how: Any) -> KernelManager:
    """Start a kernel of a manager that `make` makes, and wait until it answers.

    jupyter_client chooses the ports a while before the kernel binds them; a kernel that dies of that is
    followed by another one, twice at most.
    """
    for tries_left in (2, 1, 0):
        manager = make()
        manager.start_kernel(**how)
        try:
            await_answer(manager)
        except RuntimeError:
            manager.shutdown_kernel(now=True)
            if not tries_left:
                raise
        else:
            return manager
    raise AssertionError("not reached")


def await_answer(manager: KernelManager) -> None:
    """Wait until the kernel answers.

    Raises:
        RuntimeError: it died, or did not answer in time.
    """
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=BOOT_SECONDS)
    finally:
        client.stop_channels()
