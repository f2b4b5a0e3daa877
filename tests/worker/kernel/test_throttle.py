"""Output at the rate that a gateway passes on: nothing is dropped, and the streams are as before afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lobu_jupyter.notebook.guest import throttle


class Stream:
    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)

    def flush(self) -> None:
        self.pieces.append("|")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "time", clock)
    return clock


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    monkeypatch.setattr(throttle, "sys", SimpleNamespace(stdout=stream, stderr=Stream()))
    return stream


SHELL: Any = SimpleNamespace(display_pub=SimpleNamespace())


def test_a_large_text_takes_its_time_and_loses_nothing(clock: Clock, stream: Stream) -> None:
    text = "0123456789" * 400_000
    with throttle.throttled(SHELL, 800_000):
        stream.write(text)

    assert "".join(stream.pieces) == text
    assert clock.now == pytest.approx((len(text) - throttle.BURST_BYTES) / 800_000)
    assert max(len(piece) for piece in stream.pieces) <= throttle.PIECE


def test_there_are_fewer_than_a_thousand_messages_a_second(clock: Clock, stream: Stream) -> None:
    with throttle.throttled(SHELL, 800_000):
        for _ in range(3000):
            stream.flush()

    assert 3000 / clock.now < 1000


def test_without_a_rate_and_afterwards_the_streams_are_their_own(clock: Clock, stream: Stream) -> None:
    with throttle.throttled(SHELL, None):
        assert vars(stream).keys() == {"pieces"}
    with throttle.throttled(SHELL, 800_000):
        pass
    assert vars(stream).keys() == {"pieces"}
