"""A kernel proves itself by its connection key: this minute, once, and by one process per incarnation."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

import pytest

from lobu_jupyter.model.clock import FakeClock
from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.server.kernels.proof import WINDOW_SECONDS, Boots, Proof

KEY = b"the connection key"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def boots(clock: FakeClock) -> Boots:
    return Boots(clock)


def proof_at(clock: FakeClock, *, nonce: str = "n1", boot: str = "b1", body: bytes = b"{}") -> Proof:
    at = str(int(clock.now() * 1000))
    text = "\n".join(["POST", "/lobu/api/threads", hashlib.sha256(body).hexdigest(), at, nonce, boot])
    mac = hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
    return Proof("k1", at, nonce, boot, mac, "POST", "/lobu/api/threads", body)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"other"},
        {"path": "/lobu/api/policy"},
        {"method": "PUT"},
        {"nonce": "n2"},
        {"boot": "b2"},
        {"time": "1"},
        {"mac": "ä"},
    ],
)
def test_the_mac_covers_all_of_the_request(clock: FakeClock, change: dict[str, object]) -> None:
    proof = proof_at(clock)

    assert proof.signed_with(KEY)
    assert not proof.signed_with(b"another key")
    assert not dataclasses.replace(proof, **change).signed_with(KEY)


def test_a_proof_counts_once(boots: Boots, clock: FakeClock) -> None:
    boots.admit("k1", proof_at(clock))

    with pytest.raises(NotAllowed, match="used before"):
        boots.admit("k1", proof_at(clock))

    boots.admit("k1", proof_at(clock, nonce="n2"))


@pytest.mark.parametrize("off", [-WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
def test_a_proof_of_another_minute_is_refused(boots: Boots, clock: FakeClock, off: float) -> None:
    proof = proof_at(clock)

    clock.advance(off)

    with pytest.raises(NotAllowed, match="minute"):
        boots.admit("k1", proof)


def test_another_process_of_the_same_incarnation_is_refused(boots: Boots, clock: FakeClock) -> None:
    boots.admit("k1", proof_at(clock))

    with pytest.raises(NotAllowed, match="another process"):
        boots.admit("k1", proof_at(clock, nonce="n2", boot="b2"))

    boots.forget("k1")
    boots.admit("k1", proof_at(clock, nonce="n3", boot="b2"))
    with pytest.raises(NotAllowed, match="another process"):
        boots.admit("k1", proof_at(clock, nonce="n4", boot="b1"))


def test_a_used_nonce_is_remembered_as_long_as_it_could_be_replayed(boots: Boots, clock: FakeClock) -> None:
    proof = proof_at(clock)
    boots.admit("k1", proof)

    clock.advance(WINDOW_SECONDS - 1)

    with pytest.raises(NotAllowed, match="used before"):
        boots.admit("k1", proof)
