"""Real ipykernels, started and waited for."""

from __future__ import annotations

from typing import Any

from jupyter_client.manager import KernelManager

BOOT_SECONDS = 90.0


def start_kernel(manager: KernelManager, **how: Any) -> KernelManager:
    """Start its kernel and wait until that answers."""
    manager.start_kernel(**how)
    try:
        await_answer(manager)
    except RuntimeError:
        manager.shutdown_kernel(now=True)
        raise
    return manager


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
