"""The owners of kernels, as the service knows them: their servers have named them. Its authorizer is asked when a run gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.gateway import Gateway


class SeatOwners:
    """An ``OwnersPort`` of the service itself."""

    def __init__(self, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway

    async def kernel(self, owner: str, kernel_id: str) -> None:
        """Check that no other person has this kernel.

        Raises:
            KernelNotFound: somebody else has it.
        """
        await self._gateway().seat.check_kernel(owner, kernel_id)

    async def notebook(self, owner: str, path: str, action: Literal["read", "write"]) -> None:
        """Accept a path: here it is only the name of a notebook, which the person's server checks."""
