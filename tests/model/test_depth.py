"""JSON that nests too deep is told from JSON that is only long, or only looks deep."""

from __future__ import annotations

import json

import pytest

from lobu_jupyter.model.depth import MAX_DEPTH, too_deep
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import parse


@pytest.mark.parametrize(
    ("data", "deep"),
    [
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, False),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), True),
        (b'{"a":' * (MAX_DEPTH + 1), True),
        (json.dumps([[1]] * 5000).encode(), False),
        (json.dumps(["[" * 5000, '{"\\' * 5000]).encode(), False),
        (b'"' + b"[" * 5000, False),
    ],
)
def test_only_what_nests_is_deep(data: bytes, deep: bool) -> None:
    assert too_deep(data) is deep


def test_a_workers_event_that_nests_too_deep_is_refused_by_name() -> None:
    value = b"[" * 3000 + b"]" * 3000

    with pytest.raises(InvalidField, match="deep") as refused:
        parse(b'{"type": "CUSTOM", "name": "x", "value": ' + value + b"}", "events[3]")

    assert refused.value.field == "events[3]"
