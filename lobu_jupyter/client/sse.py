"""Server-sent events as the gateway writes them: bytes in, journal entries out.

Each frame is ``id: <seq>``, ``data: <event JSON>`` and an empty line (an event is one line
of JSON); a comment is a heartbeat.
Frames are taken by the chunk, bytes untouched, so that a reader wakes once per write of the server.
"""

from __future__ import annotations

import msgspec

from ..model.errors import LobuError, from_wire
from ..model.runs import Entry


class Frames:
    """A parser of one stream; bytes of an unfinished frame are kept for the next chunk.

    ``error``: why the server ended the stream, when it said so (``event: error``).
    """

    def __init__(self) -> None:
        self.error: LobuError | None = None
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Entry]:
        """The entries that are complete after `chunk`, in order; an empty list for a heartbeat."""
        *frames, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        return [entry for frame in frames if (entry := self._entry(frame)) is not None]

    def _entry(self, frame: bytes) -> Entry | None:
        fields: dict[bytes, bytes] = {}
        for line in frame.split(b"\n"):
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        if fields.get(b"event") == b"error":
            self.error = from_wire(msgspec.json.decode(fields[b"data"])["error"])
        elif b"id" in fields and b"data" in fields:
            return Entry(seq=int(fields[b"id"]), body=fields[b"data"])
        return None
