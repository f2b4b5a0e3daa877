"""The stream's bytes become entries, however the network cuts them."""

from __future__ import annotations

import httpx
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from lobu_jupyter.client.backoff import Backoff
from lobu_jupyter.client.reading import Reading
from lobu_jupyter.model.runs import Entry

DATA = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1).map(
    lambda text: b'{"type":' + text.encode()
)


def read(chunks: list[bytes]) -> list[Entry]:
    response = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=iter(chunks))
    reading = Reading("thread_1", 0, None, True, Backoff(5))
    return [entry for sse in EventSource(response).iter_sse() for entry in reading.feed(sse)]


@given(st.lists(DATA, max_size=8), st.data())
def test_any_cut_of_the_bytes_gives_the_same_entries(bodies: list[bytes], data: st.DataObject) -> None:
    wire = b": \n\n" + b"".join(b"id: %d\ndata: %b\n\n: \n\n" % (n, body) for n, body in enumerate(bodies, 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))

    entries = read([wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)])

    assert [(e.seq, e.body) for e in entries] == list(enumerate(bodies, 1))


def test_an_unfinished_frame_is_not_taken() -> None:
    entries = read([b'id: 1\ndata: {"a":1}\n\nid: 2\ndata: {"b"'])

    assert [e.seq for e in entries] == [1]
