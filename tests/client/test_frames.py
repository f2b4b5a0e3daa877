"""The stream's bytes become entries, however the network cuts them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lobu_jupyter.client.sse import Frames

DATA = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1).map(
    str.encode
)


@given(st.lists(DATA, max_size=8), st.data())
def test_any_cut_of_the_bytes_gives_the_same_entries(bodies: list[bytes], data: st.DataObject) -> None:
    wire = b": \n\n" + b"".join(b"id: %d\ndata: %b\n\n" % (n, body) for n, body in enumerate(bodies, 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    frames = Frames()

    chunks = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    entries = [entry for chunk in chunks for entry in frames.feed(chunk)]

    assert [(e.seq, e.body) for e in entries] == list(enumerate(bodies, 1))


def test_windows_line_ends_are_read_too() -> None:
    entries = Frames().feed(b'id: 7\r\ndata: {"a":1}\r\n\r\n')

    assert [(e.seq, e.body) for e in entries] == [(7, b'{"a":1}')]
