"""Text files as editors see them: lines end with ``\\r\\n``, ``\\n`` or ``\\r``, and nothing else ends one.

A file keeps its byte order mark, its encoding and its line ends when its text changes.
"""

from __future__ import annotations

import codecs
import difflib
import io
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

_END = re.compile(r"\r\n|\n|\r")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL_BYTE = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BOM = "\ufeff"
_MOST_COMPARED = 20_000  # lines of a file that are searched for the nearest place
_MOST_SHOWN = 12
_LINE_SHOWN = 200


class NotText(ValueError):
    """Bytes that are no text in a known encoding, or text that cannot be written in its encoding."""


class NotOnce(ValueError):
    """A text to replace that does not occur exactly once. The message says where it occurs."""


@dataclass(frozen=True)
class TextFile:
    """The content of a text file. ``mark``: its byte order mark. ``text``: all after it, with the file's line ends."""

    text: str
    mark: bytes = b""
    encoding: str = "utf-8"

    @classmethod
    def of(cls, data: bytes) -> TextFile:
        """Decode a file's bytes as UTF-8, or as their byte order mark says.

        Raises:
                NotText: the bytes are no text.
        """
        mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
        try:
            text = data[len(mark) :].decode(encoding)
        except UnicodeDecodeError as error:
            raise NotText("it is no UTF-8 text") from error
        if "\0" in text or (encoding != "utf-8" and _BOM in text):  # nearly all bytes are some UTF-16
            raise NotText("it is no text")
        return cls(text, mark, encoding)

    def data(self) -> bytes:
        """Return the bytes of the file.

        Raises:
                NotText: the text holds half of a character.
        """
        try:
            return self.mark + self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise NotText("it holds half of a character (a lone surrogate)") from error

    def saying(self, text: str) -> TextFile:
        """Return the same file with another text: in its encoding, with its mark and its line ends."""
        return TextFile(with_ends(text.removeprefix(_BOM), self.end), self.mark, self.encoding)

    def replacing(self, old: str, new: str) -> TextFile:
        """Return the file with `new` for the only place that reads `old`, line ends aside, and the rest as it is.

        Raises:
            NotOnce: there is no such place, or there are several.
        """
        plain, at = normal(self.text), _Places(self.text)
        wanted = normal(old).removeprefix(_BOM if self.mark else "")
        if not wanted:
            raise NotOnce("is empty")
        places = _places(plain, wanted)
        if len(places) != 1:
            raise NotOnce(_why_not_once(plain, wanted, places))
        begin, end = at.of(places[0]), at.of(places[0] + len(wanted))
        region = self.text[begin:end]
        put = with_ends(new.removeprefix(_BOM if self.mark else ""), _usual_end(region) or self.end)
        ends = _END.findall(region)
        if len(ends) == len(_END.findall(put)):  # lines of mixed ends keep each its own
            each = iter(ends)
            put = _END.sub(lambda _: next(each), put)
        return TextFile(self.text[:begin] + put + self.text[end:], self.mark, self.encoding)

    @property
    def end(self) -> str | None:
        """Return the end of most of its lines, None if it has one line only."""
        return _usual_end(self.text)


def western(data: bytes) -> str | None:
    """Return bytes without a mark as Windows-1252, for reading only. None if they are more likely no such text."""
    odd = sum(byte >= 0x80 for byte in data)
    if odd > len(data) * 0.3 or _CONTROL_BYTE.search(data):
        return None
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return None


def lines_of(text: str) -> list[str]:
    """Return the lines as editors count them, each with its end."""
    return io.StringIO(text, newline="").readlines()  # many times as fast as the expression


def normal(text: str) -> str:
    """Return the text with ``\\n`` for every line end."""
    return _END.sub("\n", text)


def with_ends(text: str, end: str | None) -> str:
    """Return the text with `end` for every line end, or as it is for None."""
    return text if end is None else _END.sub(lambda _: end, text)


def _usual_end(text: str) -> str | None:
    counts = Counter(_END.findall(text))
    return counts.most_common(1)[0][0] if counts else None


class _Places:
    """A map from places of the normal text to places of the text as it is written."""

    def __init__(self, text: str) -> None:
        doubles = (end.start() for end in _END.finditer(text) if end.end() - end.start() == 2)
        self._doubles = [at - before for before, at in enumerate(doubles)]  # as places of the normal text

    def of(self, place: int) -> int:
        return place + bisect_left(self._doubles, place)


def _places(text: str, wanted: str) -> list[int]:
    found: list[int] = []
    at = text.find(wanted)
    while at >= 0 and len(found) < _MOST_COMPARED:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found


def _why_not_once(text: str, wanted: str, places: list[int]) -> str:
    if places:
        numbers = [str(text.count("\n", 0, at) + 1) for at in places[:_MOST_SHOWN]]
        more = ", …" if len(places) > _MOST_SHOWN else ""
        return f"occurs {len(places)} times (lines {', '.join(numbers)}{more})"
    return "occurs 0 times" + _nearest(text.split("\n"), wanted.strip("\n").split("\n"))


def _nearest(lines: list[str], wanted: list[str]) -> str:
    """Return the lines most like `wanted`, with their numbers, or nothing if none is."""
    looked = max(wanted, key=lambda line: len(line.strip()))
    likest = _likest([line.strip() for line in lines[:_MOST_COMPARED]], looked.strip())
    if likest is None:
        return ""
    first = max(0, likest - wanted.index(looked))
    shown = lines[first : first + min(len(wanted), _MOST_SHOWN)]
    numbered = [f"{number}: {line[:_LINE_SHOWN]}" for number, line in enumerate(shown, first + 1)]
    return "; the nearest place is\n" + "\n".join(numbered) + "\n"


def _likest(lines: list[str], wanted: str) -> int | None:
    if not wanted:
        return None
    if wanted in lines:
        return lines.index(wanted)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted[:_LINE_SHOWN])
    best, found = 0.5, None
    for number, line in enumerate(lines):
        matcher.set_seq1(line[:_LINE_SHOWN])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
            best, found = matcher.ratio(), number
    return found
