"""The callers of a request: a person, the kernel that acts for one, or a worker.

With Jupyter's default login each browser and each token request has another anonymous name. There the
server has one owner, and every caller is that owner. A provider with real users separates people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.auth import IdentityProvider, User
from jupyter_server.auth.identity import LegacyIdentityProvider, PasswordIdentityProvider

from lobu_jupyter.model.callers import OWNER, Caller, KernelCaller, WorkerCaller
from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.server.kernels.proof import Boots, Proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.httputil import HTTPServerRequest

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.clock import Clock
    from lobu_jupyter.server.kernels.kernels import Kernels

_ONE_OWNER = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)
_SCHEME = "Lobu-Worker "
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def has_one_owner(provider: IdentityProvider, single_owner: bool | None) -> bool:
    """Return whether all people are one: as configured, or if `provider` is exactly one of Jupyter's own."""
    return type(provider) in _ONE_OWNER if single_owner is None else single_owner


class Callers:
    """A resolver of requests to callers."""

    def __init__(
        self,
        *,
        single_owner: bool | None,
        owner: str = OWNER,
        place: str = "",
        provider: IdentityProvider,
        kernels: Kernels,
        gateway: Callable[[], Gateway],
        has_ticket: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._single_owner = single_owner
        self._owner = owner
        self._place = place
        self._provider = provider
        self._kernels = kernels
        self._gateway = gateway
        self._has_ticket = has_ticket
        self.boots = Boots(clock)

    def person_name(self, provider: IdentityProvider, user: User) -> str:
        """Return the name that owns a person's threads."""
        return self._owner if has_one_owner(provider, self._single_owner) else user.username

    def owner_of_event(self, user: User | None) -> str | None:
        """Return the name that owns what a person did by Jupyter's own routes; None where nobody knows who it was."""
        if user is None:
            return self._owner if has_one_owner(self._provider, self._single_owner) else None
        return self.person_name(self._provider, user)

    async def proven(self, request: HTTPServerRequest) -> tuple[Caller, User] | None:
        """Return the kernel or worker that proved itself, and a user for it, or None for a person.

        Raises:
            NotAllowed: the request claims to come from a kernel or a worker, and does not.
        """
        authorization = request.headers.get("Authorization", "")
        if authorization.startswith(_SCHEME):
            return await self._worker(authorization.removeprefix(_SCHEME), request)
        proof = Proof.of(request)
        return None if proof is None else await self._kernel(proof, request)

    async def _worker(self, token: str, request: HTTPServerRequest) -> tuple[Caller, User]:
        remote = request.remote_ip or ""
        if self._has_ticket(token):
            return WorkerCaller(worker_id="", incarnation=0, remote=remote), User(username="lobu-worker")
        caller = await self._gateway().workers.by_token(token, remote=remote)
        return caller, User(username=f"lobu-worker-{caller.worker_id}")

    async def _kernel(self, proof: Proof, request: HTTPServerRequest) -> tuple[Caller, User]:
        kernel_id = self._kernels.signer(proof)
        if kernel_id is None:
            raise NotAllowed("no kernel of this server signed this request")
        self.boots.admit(kernel_id, proof)
        user = self._user_of(kernel_id)
        name = self.person_name(self._provider, user)
        patient = request.method not in _READS
        attendance = await self._kernels.attendance(kernel_id, name, patient=patient)
        caller = KernelCaller(
            kernel_id=kernel_id,
            name=name,
            attended=attendance.works,
            decides=attendance.decides,
            notebook_path=await self._kernels.notebook_path(kernel_id),
            place=self._place,
            embedded=self._kernels.embedded(kernel_id),
            silenced=not self._kernels.decisions,
            visited=self._kernels.visited(kernel_id, name),
            remote=request.remote_ip or "",
        )
        return caller, user

    def _user_of(self, kernel_id: str) -> User:
        user = self._kernels.starter(kernel_id)
        if user is not None:
            return user
        if has_one_owner(self._provider, self._single_owner):
            return User(username=OWNER)
        raise NotAllowed("nobody knows whose kernel this is; start it from Jupyter")


def worker_ticket(request: HTTPServerRequest) -> str | None:
    """Return the ticket or token of the header ``Authorization: Lobu-Worker``."""
    authorization = request.headers.get("Authorization", "")
    return authorization.removeprefix(_SCHEME) if authorization.startswith(_SCHEME) else None
