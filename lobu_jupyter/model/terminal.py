"""A terminal's screen: the text that a person would see at the end of a stream.

A program writes more than text to its streams: carriage returns, backspaces, erasures, cursor moves, colours,
links, titles. :class:`TextScreen` executes those of ECMA-48 and xterm that move or erase, and drops the rest, so that
a progress bar of a thousand frames reads as its last frame. It takes chunks cut at any place, also within a
sequence.

A screen has :data:`ROWS` rows and no right margin: lines never wrap, and a row that has scrolled off the top
can no longer be changed, as in a terminal. The same screen in TypeScript is ``core/text/terminal.ts``. The
vectors in ``tests/vectors/terminal.json`` hold both to one result.
"""

from __future__ import annotations

import re
from collections.abc import Callable

ROWS = 200
"""Rows of the screen: rows above are out of the cursor's reach."""
COLUMNS = 20_000
"""The last column that a cursor move can reach. Text itself may be longer."""
_TAB = 8
_PENDING = 4096
"""Characters of an unfinished sequence that are kept. A longer one is no sequence."""

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<args>[0-?]*)[ -/]*(?P<csi>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]+[0-~]"  # a charset and its like
    r"|\x1b(?P<esc>[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x8f\x91-\x97\x99\x9a\x9c])"
)
_UNFINISHED = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*\Z|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z|\x1b[ -/]*\Z"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_SIMPLE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*\Z")
"""Text that only appends: no control character but tab and line feed."""

Scrolled = Callable[[str, int], None]


class TextScreen:
    """The rows of a screen and its cursor.

    Args:
        scrolled: gets each row that leaves the screen at the top, with the stamp of its last change. None keeps
            all of them in :attr:`above`.
    """

    def __init__(self, scrolled: Scrolled | None = None) -> None:
        self.above: list[tuple[str, int]] = []
        self._scrolled: Scrolled = scrolled or (lambda text, stamp: self.above.append((text, stamp)))
        self._rows: list[list[str] | str] = [""]
        self._stamps: list[int] = [0]
        self._row = self._column = 0
        self._saved = (0, 0)
        self._pending = ""
        self._stamp = 0

    def write(self, text: str, stamp: int = 0) -> None:
        """Show `text`. `stamp` orders the rows of several screens: a row keeps that of its last change."""
        self._stamp = stamp
        text, self._pending = self._pending + text, ""
        simple = _COLOUR.sub("", text)
        if _SIMPLE.match(simple) and self._at_end():
            self._append(simple)
            return
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                if len(text) - at <= _PENDING and _UNFINISHED.match(text, at):
                    self._pending = text[at:]
                    return
                at += 1  # a broken sequence: its introducer is dropped, the rest is text
                continue
            at = token.end()
            self._do(token)

    def rows(self) -> list[tuple[str, int]]:
        """Return the rows on the screen, without trailing blanks, each with the stamp of its last change."""
        return [(_text(row), stamp) for row, stamp in zip(self._rows, self._stamps, strict=True)]

    def text(self) -> str:
        """Return all rows, those of :attr:`above` first."""
        return "\n".join(row for row, _ in [*self.above, *self.rows()])

    # -- writing

    def _at_end(self) -> bool:
        row = self._rows[self._row]
        return self._row == len(self._rows) - 1 and self._column == len(row) and isinstance(row, str)

    def _append(self, text: str) -> None:
        before = str(self._rows[-1])
        first, *more = text.split("\n") if "\t" not in text else _expanded(before, text)
        if first:
            self._rows[-1] = before + first
            self._stamps[-1] = self._stamp
        self._rows += more
        self._stamps += [self._stamp] * len(more)
        self._row = len(self._rows) - 1
        self._column = len(self._rows[-1])
        self._scroll()

    def _scroll(self) -> None:
        over = len(self._rows) - ROWS
        if over > 0:
            for row, stamp in zip(self._rows[:over], self._stamps[:over], strict=True):
                self._scrolled(_text(row), stamp)
            del self._rows[:over], self._stamps[:over]
            self._row = max(0, self._row - over)
            self._saved = (max(0, self._saved[0] - over), self._saved[1])

    def _do(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if kind == "text":
            self._put(token["text"])
        elif kind == "csi":
            self._sequence(token["csi"], token["args"])
        elif kind == "esc":
            self._escape(token["esc"])
        elif kind == "control":
            self._control(token["control"])

    def _put(self, text: str) -> None:
        if self._at_end():
            self._append(text)
            return
        row = self._cells()
        row += " " * (self._column - len(row))
        row[self._column : self._column + len(text)] = text
        self._column += len(text)

    def _cells(self) -> list[str]:
        """Return the cursor's row as a list of cells, to be changed in place."""
        row = self._rows[self._row]
        if isinstance(row, str):
            row = self._rows[self._row] = list(row)
        self._stamps[self._row] = self._stamp
        return row

    def _control(self, control: str) -> None:
        if control in "\n\x0b\x0c\x85":
            self._down()
            self._column = 0
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)
        elif control == "\t":
            self._column += _TAB - self._column % _TAB
            row = self._rows[self._row]
            if len(row) < self._column:
                self._rows[self._row] = _text(row) + " " * (self._column - len(_text(row)))

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            row = self._rows[-1]
            self._rows[-1] = row if isinstance(row, str) else "".join(row)
            self._rows.append("")
            self._stamps.append(self._stamp)
            self._scroll()

    def _escape(self, final: str) -> None:
        if final == "7":
            self._saved = (self._row, self._column)
        elif final == "8":
            self._row, self._column = min(self._saved[0], len(self._rows) - 1), self._saved[1]
        elif final in "DE":
            self._down()
            self._column = 0 if final == "E" else self._column
        elif final == "M":
            self._row = max(0, self._row - 1)
        elif final == "c":
            self._erase_display(2)
            self._row = self._column = 0

    # -- control sequences

    def _sequence(self, final: str, args: str) -> None:
        if args[:1] in ("?", ">", "<", "="):
            return  # a mode of the terminal
        numbers = [int(n) if n.isdigit() else 0 for n in args[:64].split(";")]
        count = min(max(1, numbers[0]), COLUMNS)
        if final in "ABEF":
            self._move_rows(-count if final in "AF" else count)
            self._column = 0 if final in "EF" else self._column
        elif final in "Ca":
            self._column = min(self._column + count, COLUMNS)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final in "G`":
            self._column = count - 1
        elif final in "Hf":
            self._row = min(count - 1, len(self._rows) - 1)
            self._column = min(max(1, numbers[1] if len(numbers) > 1 else 1), COLUMNS) - 1
        elif final == "J":
            self._erase_display(numbers[0])
        elif final == "K":
            self._erase_line(numbers[0])
        elif final in "PX@":
            self._shift(final, count)
        elif final in "su":
            self._escape("7" if final == "s" else "8")

    def _move_rows(self, count: int) -> None:
        self._row = max(0, self._row + count)
        while self._row >= len(self._rows):
            if len(self._rows) >= ROWS:
                self._row = len(self._rows) - 1
                return
            self._rows.append("")
            self._stamps.append(self._stamp)

    def _erase_display(self, what: int) -> None:
        if what in (2, 3):
            below, upto = 0, len(self._rows)
        elif what == 1:
            below, upto = 0, self._row
            self._erase_line(1)
        else:
            below, upto = self._row + 1, len(self._rows)
            self._erase_line(0)
        self._rows[below:upto] = [""] * (upto - below)
        if what != 1:  # nothing is left below the cursor
            del self._rows[self._row + 1 :], self._stamps[self._row + 1 :]

    def _erase_line(self, what: int) -> None:
        row = self._cells()
        if what == 0:
            del row[self._column :]
        elif what == 1:
            row[: self._column + 1] = " " * min(self._column + 1, len(row))
        else:
            row.clear()

    def _shift(self, final: str, count: int) -> None:
        row = self._cells()
        end = self._column + count
        if final == "P":
            del row[self._column : end]
        elif final == "X":
            row[self._column : end] = " " * (min(end, len(row)) - self._column)
        elif self._column < len(row):
            row[self._column : self._column] = " " * count


def _expanded(before: str, text: str) -> list[str]:
    """Return the lines of `text` with blanks for its tabs. The first one goes on after `before`."""
    return (before + text).expandtabs(_TAB)[len(before) :].split("\n")


def _text(row: list[str] | str) -> str:
    return (row if isinstance(row, str) else "".join(row)).rstrip(" ")


def screen_text(text: str) -> str:
    """Return `text` as a terminal shows it at its end. Text without control characters stays as it is."""
    if _SIMPLE.match(text):
        return text
    screen = TextScreen()
    screen.write(text)
    return screen.text()


def settled(text: str) -> str:
    """Return `text` for keeping: with its colours if it only appends, else as a screen shows it."""
    return text if _SIMPLE.match(_COLOUR.sub("", text)) else screen_text(text)


def with_colours(text: str, shown: Callable[[str], str]) -> str:
    """Return `text` as `shown` writes it, except for its colours, which stay."""
    colours = _COLOUR.findall(text)
    parts = [shown(part) for part in _COLOUR.split(text)]
    return "".join(part + colour for part, colour in zip(parts, [*colours, ""], strict=True))
