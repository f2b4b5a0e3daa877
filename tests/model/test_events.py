"""Events are checked once, at the door; what is unknown travels as RAW."""

from __future__ import annotations

import json

import pytest
from ag_ui.core import EventType

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.errors import InvalidField


def test_every_event_type_of_ag_ui_is_known() -> None:
    assert {t.value for t in EventType} == ev.TYPES


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "events[0]"),
        (b"[]", "events[0]"),
        (b'"x"', "events[0]"),
        (b"{}", "events[0].type"),
        (b'{"type": 7}', "events[0].type"),
        (b'{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m"}', "events[0].delta"),
        (b'{"type": "TEXT_MESSAGE_CONTENT", "messageId": 1, "delta": "x"}', "events[0].messageId"),
        (b'{"type": "RUN_ERROR", "message": "' + b"x" * ev.MAX_EVENT_BYTES + b'"}', "events[0]"),
        (b'{"type": "CUSTOM", "name": "\xff", "value": 1}', "events[0]"),
    ],
)
def test_a_malformed_event_is_refused_by_name(body: bytes, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        ev.parse(body, "events[0]")

    assert refusal.value.field == field


@pytest.mark.scenario("E29")
def test_an_unknown_event_is_kept_inside_raw() -> None:
    known, body = ev.parse(b'{"type": "HOLOGRAM", "x": null}', "events[0]")

    assert isinstance(known, ev.RawEvent)
    assert json.loads(body) == {"type": "RAW", "event": {"type": "HOLOGRAM"}, "source": "unknown"}


def test_nulls_that_carry_nothing_are_omitted_and_those_that_do_are_kept() -> None:
    _, body = ev.parse(b'{"type": "CUSTOM", "name": "x", "value": null, "metadata": null}', "events[0]")

    assert json.loads(body) == {"type": "CUSTOM", "name": "x", "value": None}
