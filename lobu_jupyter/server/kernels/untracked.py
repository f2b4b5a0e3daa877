"""Previews of variables that leave Jupyter's view of a kernel as it is.

A preview during a person's cell is a comm in a subshell. When it ends, ipykernel publishes ``status: idle``,
although the cell still runs. Jupyter would then take the kernel for idle, and its culler would end it with the
cell. So Jupyter does not track the messages that previews send.
"""

from __future__ import annotations

from typing import Any

MESSAGES = ("comm_open", "create_subshell_request", "delete_subshell_request", "list_subshell_request")


def leave_previews_untracked(manager: Any) -> None:
    """Add the messages of previews to ``untracked_message_types`` of Jupyter's kernel manager, if it has them."""
    untracked: list[str] | None = getattr(manager, "untracked_message_types", None)
    if untracked is not None:
        manager.untracked_message_types = [*untracked, *(kind for kind in MESSAGES if kind not in untracked)]
