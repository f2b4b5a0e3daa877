"""A terminal's screen: the text that a person would see at the end of a stream.

A program writes more than text to its streams: carriage returns, backspaces, erasures, cursor moves, colours,
links, titles. :class:`TextScreen` executes those of ECMA-48 and xterm that move or erase, and drops the rest, so that
a progress bar of a thousand frames reads as its last frame. It takes chunks cut at any place, also within a sequence.

A screen has :data:`ROWS` rows and no right margin: lines never wrap, and a row that has scrolled off the top
can no longer be changed, as in a terminal. What a program drew on the alternate screen is gone when it leaves it.
The same screen in TypeScript is ``core/text/screen.ts``. The vectors in ``tests/vectors/terminal.json`` hold both to one result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .escapes import COLOUR, FRAMES, SIMPLE, TOKEN, UNFINISHED
from .widths import cells_of, is_narrow

if TYPE_CHECKING:
    import re

ROWS = 200
"""Rows of the screen: rows above are out of the cursor's reach."""
COLUMNS = 20_000
"""The last column that a cursor move can reach. Text itself may be longer."""
_TAB, _REPEATS = 8, 500
_PENDING = 4096
"""Characters of an unfinished sequence that are kept. A longer one is no sequence."""

_ALTERNATE = frozenset({"47", "1047", "1049"})

Scrolled = Callable[[str, int], None]
_Rows = tuple[list[list[str] | str], list[int], int, int]


class TextScreen:
    """The rows of a screen and its cursor.

    Args:
        scrolled: gets each row that leaves the screen at the top, with the stamp of its last change. None keeps
            all of them in :attr:`above`.
        forget: is called when the program erases the rows that have left.
    """

    def __init__(self, scrolled: Scrolled | None = None, forget: Callable[[], None] | None = None) -> None:
        self.above: list[tuple[str, int]] = []
        self._forget: Callable[[], None] = forget or self.above.clear
        self._scrolled: Scrolled = scrolled or (lambda text, stamp: self.above.append((text, stamp)))
        self._rows: list[list[str] | str] = [""]
        self._stamps: list[int] = [0]
        self._row = self._column = 0
        self._saved = (0, 0)
        self._region: tuple[int, int] | None = None  # the rows that scroll, None for all
        self._main: _Rows | None = None  # the rows and cursor below an alternate screen
        self._frames = [False, False]  # whether G0 and G1 hold DEC's frames
        self._shift = 0
        self._last = ""
        self._pending = ""
        self._stamp = 0

    def write(self, text: str, stamp: int = 0) -> None:
        """Show `text`. `stamp` orders the rows of several screens: a row keeps that of its last change."""
        self._stamp = stamp
        text, self._pending = self._pending + text, ""
        simple = COLOUR.sub("", text)
        if SIMPLE.match(simple) and self._region is None and self._appends():
            self._append(simple)
            return
        at = 0
        while at < len(text):
            token = TOKEN.match(text, at)
            if token is None:
                if len(text) - at <= _PENDING and UNFINISHED.match(text, at):
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

    def _appends(self) -> bool:
        """Return whether text goes on at the end of the last row, as it is."""
        row = self._rows[self._row]
        return (
            isinstance(row, str)
            and self._row == len(self._rows) - 1
            and self._column == _width(row)
            and not self._frames[self._shift]
        )

    def _append(self, text: str) -> None:
        before = str(self._rows[-1])
        first, *more = text.split("\n") if "\t" not in text else _expanded(before, text)
        if first:
            self._rows[-1] = before + first
            self._stamps[-1] = self._stamp
        self._rows += more
        self._stamps += [self._stamp] * len(more)
        self._row = len(self._rows) - 1
        last = str(self._rows[-1])
        self._column, self._last = _width(last), last[-1:]
        self._scroll()

    def _scroll(self) -> None:
        over = len(self._rows) - ROWS
        if over > 0:
            for row, stamp in zip(self._rows[:over], self._stamps[:over], strict=True):
                self._leave(row, stamp)
            del self._rows[:over], self._stamps[:over]
            self._row = max(0, self._row - over)
            self._saved = (max(0, self._saved[0] - over), self._saved[1])

    def _leave(self, row: list[str] | str, stamp: int) -> None:
        if self._main is None:
            self._scrolled(_text(row), stamp)

    def _do(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if kind == "text":
            self._put(token["text"])
        elif kind == "csi" and not token["between"]:
            self._sequence(token["csi"], token["args"])
        elif kind == "set" and token["set"][:-1] in ("(", ")"):
            self._frames["()".index(token["set"][0])] = token["set"][-1] == "0"
        elif kind == "esc":
            self._escape(token["esc"])
        elif kind == "control":
            self._control(token["control"])

    def _put(self, text: str) -> None:
        if self._appends():
            self._append(text)
            return
        if self._frames[self._shift]:
            text = text.translate(FRAMES)
        row, at = self._cells(), self._column
        if not is_narrow(text) and 0 < at <= len(row):  # a mark belongs to the character before it
            at -= 1 if row[at - 1] else 2
            text = row[at] + text
        put = cells_of(text)
        row += " " * (at - len(row))
        _part(row, at)
        _part(row, at + len(put))
        row[at : at + len(put)] = put
        self._column, self._last = at + len(put), text[-1:]

    def _cells(self) -> list[str]:
        """Return the cursor's row as a list of cells, to be changed in place."""
        row = self._rows[self._row]
        if isinstance(row, str):
            row = self._rows[self._row] = cells_of(row)
        self._stamps[self._row] = self._stamp
        return row

    def _control(self, control: str) -> None:
        if control in "\n\x85":
            self._down()
            self._column = 0
        elif control in "\x0b\x0c\x84":
            self._down()
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)
        elif control == "\t":
            self._tab(1)
        elif control in "\x0e\x0f":
            self._shift = int(control == "\x0e")
        elif control == "\x8d":
            self._up()

    def _tab(self, count: int) -> None:
        self._column = min((self._column // _TAB + count) * _TAB, max(COLUMNS, self._column + _TAB))
        row = self._rows[self._row]
        if (width := len(row) if isinstance(row, list) else _width(row)) < self._column:
            blanks = " " * (self._column - width)
            self._rows[self._row] = [*row, *blanks] if isinstance(row, list) else row + blanks

    def _down(self) -> None:
        """Move the cursor down. At the last row of the region that scrolls, its first one leaves."""
        if self._region is not None and self._row == self._region[1]:
            top, bottom = self._region
            if top == 0:
                self._leave(self._rows[0], self._stamps[0])
            self._roll(top, bottom, 1)
            return
        self._row += 1
        if self._row == len(self._rows):
            row = self._rows[-1]
            self._rows[-1] = row if isinstance(row, str) else "".join(row)
            self._rows.append("")
            self._stamps.append(self._stamp)
            self._scroll()

    def _up(self) -> None:
        top, bottom = self._region or (0, min(len(self._rows), ROWS - 1))
        if self._row == top:
            self._roll(top, bottom, -1)
        else:
            self._row = max(0, self._row - 1)

    def _roll(self, top: int, bottom: int, count: int) -> None:
        """Move the rows from `top` to `bottom` up, or down for a negative count. Blank rows come after them."""
        while len(self._rows) <= bottom:
            self._rows.append("")
            self._stamps.append(self._stamp)
        count = max(-(bottom - top + 1), min(count, bottom - top + 1))
        for _ in range(abs(count)):
            gone, put = (top, bottom) if count > 0 else (bottom, top)
            del self._rows[gone], self._stamps[gone]
            self._rows.insert(put, "")
            self._stamps.insert(put, self._stamp)

    def _escape(self, final: str) -> None:
        if final == "7":
            self._saved = (self._row, self._column)
        elif final == "8":
            self._row, self._column = min(self._saved[0], len(self._rows) - 1), self._saved[1]
        elif final in "DE":
            self._down()
            self._column = 0 if final == "E" else self._column
        elif final == "M":
            self._up()
        elif final == "c":
            self._leave_alternate()
            self._region, self._frames, self._shift = None, [False, False], 0
            self._erase_display(2)
            self._row = self._column = 0

    # -- control sequences

    def _sequence(self, final: str, args: str) -> None:
        if args[:1] in ("?", ">", "<", "="):
            if final in "hl" and args[0] == "?" and _ALTERNATE & set(args[1:].split(";")):
                (self._enter_alternate if final == "h" else self._leave_alternate)()
            return  # another mode of the terminal
        numbers = [int(n) if n.isdigit() else 0 for n in args[:64].split(";")]
        count = min(max(1, numbers[0]), COLUMNS)
        if final in "ABEFeHfd":
            self._to_row(final, count, numbers)
        elif final in "CaDG`":
            moved = {"D": self._column - count, "G": count - 1, "`": count - 1}
            self._column = min(max(0, moved.get(final, self._column + count)), COLUMNS)
        elif final == "I":
            self._tab(min(count, COLUMNS // _TAB))
        elif final == "Z":
            self._column = max(0, -(-self._column // _TAB) - count) * _TAB
        elif final == "J":
            self._erase_display(numbers[0])
        elif final == "K":
            self._erase_line(numbers[0])
        elif final in "PX@":
            self._shift_cells(final, count)
        elif final in "LMST":
            self._shift_rows(final, count)
        elif final == "b":
            self._put(self._last * min(count, _REPEATS))
        elif final == "r":
            self._set_region(numbers)
        elif final in "su":
            self._escape("7" if final == "s" else "8")

    def _to_row(self, final: str, count: int, numbers: list[int]) -> None:
        if final in "Hfd":
            self._move_rows(count - 1 - self._row)
        else:
            top, bottom = self._region or (0, ROWS)
            if top <= self._row <= bottom:
                count = min(count, self._row - top if final in "AF" else bottom - self._row)
            self._move_rows(-count if final in "AF" else count)
        if final in "Hf":
            self._column = min(max(1, numbers[1] if len(numbers) > 1 else 1), COLUMNS) - 1
        elif final in "EF":
            self._column = 0

    def _set_region(self, numbers: list[int]) -> None:
        top, bottom = max(1, numbers[0]) - 1, (numbers[1] if len(numbers) > 1 else 0) or ROWS
        whole = top == 0 and bottom >= ROWS
        self._region = None if whole or bottom - 1 <= top else (top, min(bottom, ROWS) - 1)
        self._row = self._column = 0

    def _shift_rows(self, final: str, count: int) -> None:
        more = count if final in "LT" else 0  # a screen without a region grows
        top, bottom = self._region or (0, min(len(self._rows) + more, ROWS) - 1)
        if final in "LM":
            if not top <= self._row <= bottom:
                return
            top, self._column = self._row, 0
        self._roll(top, bottom, count if final in "MS" else -count)

    def _enter_alternate(self) -> None:
        if self._main is None:
            self._main = (self._rows, self._stamps, self._row, self._column)
            self._rows = [""]
            self._stamps, self._row, self._column = [self._stamp], 0, 0

    def _leave_alternate(self) -> None:
        if self._main is not None:
            self._rows, self._stamps, self._row, self._column = self._main
            self._main = None

    def _move_rows(self, count: int) -> None:
        self._row = max(0, self._row + count)
        while self._row >= len(self._rows):
            if len(self._rows) >= ROWS:
                self._row = len(self._rows) - 1
                return
            self._rows.append("")
            self._stamps.append(self._stamp)

    def _erase_display(self, what: int) -> None:
        if what == 3:
            self._forget()
            return
        if what == 2:
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
            _part(row, self._column)
            del row[self._column :]
        elif what == 1:
            _part(row, self._column + 1)
            row[: self._column + 1] = " " * min(self._column + 1, len(row))
        else:
            row.clear()

    def _shift_cells(self, final: str, count: int) -> None:
        row = self._cells()
        end = self._column + count
        _part(row, self._column)
        if final == "P":
            _part(row, end)
            del row[self._column : end]
        elif final == "X":
            _part(row, end)
            row[self._column : end] = " " * (min(end, len(row)) - self._column)
        elif self._column < len(row):
            row[self._column : self._column] = " " * count


def _part(row: list[str], at: int) -> None:
    """Make blanks of a wide character that a change at a cell would cut in two."""
    if 0 < at < len(row) and row[at] == "":
        row[at - 1 : at + 1] = "  "


def _width(row: str) -> int:
    return len(row) if is_narrow(row) else len(cells_of(row))


def _expanded(before: str, text: str) -> list[str]:
    """Return the lines of `text` with blanks for its tabs. The first one goes on after `before`."""
    return (before + text).expandtabs(_TAB)[len(before) :].split("\n")


def _text(row: list[str] | str) -> str:
    return (row if isinstance(row, str) else "".join(row)).rstrip(" ")


def screen_text(text: str) -> str:
    """Return `text` as a terminal shows it at its end. Text without control characters stays as it is."""
    if SIMPLE.match(text):
        return text
    screen = TextScreen()
    screen.write(text)
    return screen.text()


def settled(text: str) -> str:
    """Return `text` for keeping: with its colours if it only appends, else as a screen shows it."""
    return text if SIMPLE.match(COLOUR.sub("", text)) else screen_text(text)


def with_colours(text: str, shown: Callable[[str], str]) -> str:
    """Return `text` as `shown` writes it, except for its colours, which stay."""
    colours = COLOUR.findall(text)
    parts = [shown(part) for part in COLOUR.split(text)]
    return "".join(part + colour for part, colour in zip(parts, [*colours, ""], strict=True))
