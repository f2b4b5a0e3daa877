"""The proof of a kernel's identity: an HMAC over the request under its connection key.

The key outlives an incarnation and is stored in the connection file. Therefore a proof also carries the
time, a nonce that is good once, and the boot nonce of the kernel process. Only the first boot nonce that
an incarnation uses is accepted for it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lobu_jupyter.model.errors import NotAllowed

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from lobu_jupyter.model.clock import Clock

WINDOW_SECONDS = 60.0
_LONGEST = 128  # characters of a nonce


@dataclass(frozen=True)
class Proof:
    """A kernel's proof, and the parts of the request that it covers."""

    kernel_id: str
    time: str
    nonce: str
    boot: str
    mac: str
    method: str
    path: str
    body: bytes

    @classmethod
    def of(cls, request: HTTPServerRequest) -> Self | None:
        """Return the proof in a request's headers, or None if there is none."""
        headers = request.headers
        if "X-Lobu-Kernel" not in headers:
            return None
        return cls(
            kernel_id=headers["X-Lobu-Kernel"],
            time=headers.get("X-Lobu-Time", ""),
            nonce=headers.get("X-Lobu-Nonce", ""),
            boot=headers.get("X-Lobu-Boot", ""),
            mac=headers.get("X-Lobu-Mac", ""),
            method=request.method or "",
            path=request.uri or "",
            body=request.body,
        )

    def signed_with(self, key: bytes) -> bool:
        """Return whether the MAC was made with `key`."""
        digest = hashlib.sha256(self.body).hexdigest()
        text = "\n".join([self.method, self.path, digest, self.time, self.nonce, self.boot])
        mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(mac.encode(), self.mac.encode())


class Boots:
    """The boot nonce of each kernel incarnation, and the nonces already used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boots: dict[str, str] = {}
        self._nonces: dict[tuple[str, str], float] = {}  # in order of arrival

    def forget(self, kernel_id: str) -> None:
        """Begin a new incarnation of the kernel, which the next boot nonce belongs to."""
        self._boots.pop(kernel_id, None)

    def admit(self, kernel_id: str, proof: Proof) -> None:
        """Accept a proof with a valid MAC, once.

        Raises:
            NotAllowed: the proof is old, was used before, or comes from an earlier incarnation.
        """
        now = self._clock.now()
        if not self._timely(proof, now):
            raise NotAllowed("this kernel's proof is not of this minute; check the clocks")
        if not proof.boot or not 0 < len(proof.nonce) <= _LONGEST or len(proof.boot) > _LONGEST:
            raise NotAllowed("a kernel's proof has a nonce and a boot nonce")
        self._prune(now)
        if (kernel_id, proof.nonce) in self._nonces:
            raise NotAllowed("this kernel's proof was used before")
        if self._boots.setdefault(kernel_id, proof.boot) != proof.boot:
            raise NotAllowed("this proof is of another process than the kernel's own")
        self._nonces[(kernel_id, proof.nonce)] = now

    def _timely(self, proof: Proof, now: float) -> bool:
        if not proof.time.isascii() or not proof.time.isdigit() or len(proof.time) > 16:
            return False
        return abs(int(proof.time) / 1000 - now) <= WINDOW_SECONDS

    def _prune(self, now: float) -> None:
        for key, at in list(self._nonces.items()):
            if at > now - 2 * WINDOW_SECONDS:
                return
            del self._nonces[key]
