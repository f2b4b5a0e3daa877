/** What a terminal would show of a text: overwritten lines, and colours as styled spans. */

export interface ISpan {
  text: string;
  /** Class names, such as `lobu-ansi-red lobu-ansi-bold`; empty: plain. */
  style: string;
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
/** Escape sequences, whole: colours and all others of ECMA-48 and xterm; at the end of the text, also begun ones. */
const SEQUENCE =
  /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u009c|\u001b\\|$)|\u001b\[[0-?]*[ -/]*$|\u001b[ -/]*([0-~]|$)/g;

const CONTROL =
  /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u008f\u0091-\u0097\u0099\u009a\u009c]/;
/** Nothing in it moves, erases or hides: only text, lines, tabs and colours. */

const SIMPLE = /^(?:[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\u001b\[[0-9;:]*m)*$/;
const ROWS = 200;
const COLUMNS = 20_000;
const TAB = 8;

/** The text that a screen shows at its end, with its colours left in where nothing moved. */
export function settle(text: string): string {
  return SIMPLE.test(text) ? text : screenOf(text).text();
}

/** The text without any escape sequence, as a screen shows it. */
export function plain(text: string): string {
  return SIMPLE.test(text) ? text.replace(SEQUENCE, '') : screenOf(text).text();
}

/** The text as spans. Unknown sequences vanish; a style lasts until it is reset. */
export function spans(text: string): ISpan[] {
  if (!SIMPLE.test(text)) {
    return screenOf(text).spans();
  }
  const found: ISpan[] = [];
  const style = new Style();
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    push(found, text.slice(from, match.index), style.classes());
    from = match.index + match[0].length;
    style.apply(match[1] ?? '');
  }
  push(found, text.slice(from), style.classes());
  return found;
}

function screenOf(text: string): Screen {
  const screen = new Screen();
  screen.write(text);
  return screen;
}

/** A cell of a row: its character and the class names of its style. */
type Cell = [string, string];

/**
 * The rows of a screen and its cursor, as in `lobu_jupyter/model/terminal.py`: no right margin, and rows
 * that have scrolled off the top stay as they are.
 */
class Screen {
  write(text: string): void {
    let from = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      this._write(text.slice(from, match.index));
      from = match.index + match[0].length;
      if (match[2] === 'm') {
        this._style.apply(match[1]);
        this._class = this._style.classes();
      } else if (match[2] !== undefined) {
        this._sequence(match[2], match[1]);
      } else if (match[3] !== undefined && match[0].length === 2) {
        this._escape(match[3]);
      }
    }
    this._write(text.slice(from));
  }

  text(): string {
    return this._rows
      .map(row =>
        trimmed(row)
          .map(cell => cell[0])
          .join('')
      )
      .join('\n');
  }

  spans(): ISpan[] {
    const found: ISpan[] = [];
    this._rows.forEach((row, index) => {
      for (const [character, style] of trimmed(row)) {
        add(found, character, style);
      }
      if (index < this._rows.length - 1) {
        add(found, '\n', '');
      }
    });
    return found;
  }

  private _write(text: string): void {
    for (const character of text) {
      if (
        character === '\n' ||
        character === '\u000b' ||
        character === '\u000c' ||
        character === '\u0085'
      ) {
        this._down();
        this._column = 0;
      } else if (character === '\r') {
        this._column = 0;
      } else if (character === '\b') {
        this._column = Math.max(0, this._column - 1);
      } else if (character === '\t') {
        this._column += TAB - (this._column % TAB);
        this._fill(this._column);
      } else if (
        !CONTROL.test(character) &&
        character !== '\u001b' &&
        !/[\u0080-\u009f]/.test(character)
      ) {
        this._fill(this._column);
        this._rows[this._row][this._column++] = [character, this._class];
      }
    }
  }

  /** Blanks up to a column of the cursor's row. */
  private _fill(column: number): void {
    const row = this._rows[this._row];
    while (row.length < column) {
      row.push([' ', '']);
    }
  }

  private _down(): void {
    this._row++;
    if (this._row === this._rows.length) {
      this._rows.push([]);
    }
  }

  private get _top(): number {
    return Math.max(0, this._rows.length - ROWS);
  }

  private _escape(final: string): void {
    if (final === '7') {
      this._saved = [this._row, this._column];
    } else if (final === '8') {
      this._row = Math.max(this._top, Math.min(this._saved[0], this._rows.length - 1));
      this._column = this._saved[1];
    } else if (final === 'D' || final === 'E') {
      this._down();
      this._column = final === 'E' ? 0 : this._column;
    } else if (final === 'M') {
      this._row = Math.max(this._top, this._row - 1);
    } else if (final === 'c') {
      this._eraseDisplay(2);
      this._row = this._top;
      this._column = 0;
    }
  }

  private _sequence(final: string, args: string): void {
    if (/^[?><=]/.test(args)) {
      return; // a mode of the terminal
    }
    const numbers = args
      .slice(0, 64)
      .split(';')
      .map(n => (/^\d+$/.test(n) ? Number(n) : 0));
    const count = Math.min(Math.max(1, numbers[0]), COLUMNS);
    const moves: { [final: string]: () => void } = {
      A: () => this._moveRows(-count),
      B: () => this._moveRows(count),
      C: () => (this._column = Math.min(this._column + count, COLUMNS)),
      D: () => (this._column = Math.max(0, this._column - count)),
      G: () => (this._column = count - 1),
      H: () => {
        this._row = Math.min(this._top + count - 1, this._rows.length - 1);
        this._column = Math.min(Math.max(1, numbers[1] ?? 1), COLUMNS) - 1;
      },
      J: () => this._eraseDisplay(numbers[0]),
      K: () => this._eraseLine(numbers[0]),
      s: () => this._escape('7'),
      u: () => this._escape('8')
    };
    const same: { [final: string]: string } = { a: 'C', '`': 'G', f: 'H' };
    if (final === 'E' || final === 'F') {
      this._moveRows(final === 'F' ? -count : count);
      this._column = 0;
    } else if (final === 'P' || final === 'X' || final === '@') {
      this._shift(final, count);
    } else {
      moves[same[final] ?? final]?.();
    }
  }

  private _moveRows(count: number): void {
    this._row = Math.max(this._top, this._row + count);
    while (this._row >= this._rows.length) {
      if (this._rows.length >= ROWS) {
        this._row = this._rows.length - 1;
        return;
      }
      this._rows.push([]);
    }
  }

  private _eraseDisplay(what: number): void {
    if (what === 1) {
      this._eraseLine(1);
      for (let row = this._top; row < this._row; row++) {
        this._rows[row] = [];
      }
      return;
    }
    if (what === 0) {
      this._eraseLine(0);
    } else {
      for (let row = this._top; row <= this._row; row++) {
        this._rows[row] = [];
      }
    }
    this._rows.length = this._row + 1; // nothing is left below the cursor
  }

  private _eraseLine(what: number): void {
    const row = this._rows[this._row];
    if (what === 0) {
      row.length = Math.min(row.length, this._column);
    } else if (what === 1) {
      row.fill([' ', ''], 0, Math.min(this._column + 1, row.length));
    } else {
      row.length = 0;
    }
  }

  private _shift(final: string, count: number): void {
    const row = this._rows[this._row];
    if (final === 'P') {
      row.splice(this._column, count);
    } else if (final === 'X') {
      row.fill([' ', ''], this._column, Math.min(this._column + count, row.length));
    } else if (this._column < row.length) {
      row.splice(this._column, 0, ...Array.from({ length: count }, (): Cell => [' ', '']));
    }
  }

  private readonly _rows: Cell[][] = [[]];
  private readonly _style = new Style();
  private _class = '';
  private _row = 0;
  private _column = 0;
  private _saved: [number, number] = [0, 0];
}

/** A row without the blanks at its end. */
function trimmed(row: Cell[]): Cell[] {
  let end = row.length;
  while (end > 0 && row[end - 1][0] === ' ') {
    end--;
  }
  return row.slice(0, end);
}

function add(found: ISpan[], text: string, style: string): void {
  const last = found[found.length - 1];
  if (last !== undefined && last.style === style) {
    last.text += text;
  } else {
    found.push({ text, style });
  }
}

class Style {
  apply(codes: string): void {
    const queue = codes.slice(0, 200).split(/[;:]/).map(Number);
    while (queue.length > 0) {
      this._one(queue.shift() ?? 0, queue);
    }
  }

  classes(): string {
    const { fg, bg, marks } = this;
    const names = [...marks, ...(fg ? [fg] : []), ...(bg ? [`bg-${bg}`] : [])];
    return names.map(name => `lobu-ansi-${name}`).join(' ');
  }

  private _one(code: number, queue: number[]): void {
    const marks: { [code: number]: string } = {
      1: 'bold',
      2: 'faint',
      3: 'italic',
      4: 'underline',
      7: 'inverse'
    };
    const ends: { [code: number]: string[] } = {
      22: ['bold', 'faint'],
      23: ['italic'],
      24: ['underline'],
      27: ['inverse']
    };
    if (code === 0) {
      this.fg = this.bg = '';
      this.marks.clear();
    } else if (marks[code]) {
      this.marks.add(marks[code]);
    } else if (ends[code]) {
      ends[code].forEach(mark => this.marks.delete(mark));
    } else if (code === 38 || code === 48) {
      this._extended(code === 38 ? 'fg' : 'bg', queue);
    } else if (code === 39) {
      this.fg = '';
    } else if (code === 49) {
      this.bg = '';
    } else {
      this._colour(code);
    }
  }

  private _colour(code: number): void {
    const name = COLOURS[code % 10];
    const bases: { [base: number]: () => void } = {
      3: () => (this.fg = name),
      4: () => (this.bg = name),
      9: () => (this.fg = name),
      10: () => (this.bg = name)
    };
    if (name) {
      bases[Math.floor(code / 10)]?.();
    }
  }

  /** 256 colours and RGB: only the sixteen with a name keep theirs. */
  private _extended(ground: 'fg' | 'bg', queue: number[]): void {
    const kind = queue.shift();
    if (kind === 5) {
      this[ground] = COLOURS[((queue.shift() ?? 16) % 16) % 8] ?? '';
    } else if (kind === 2) {
      queue.splice(0, 3);
      this[ground] = '';
    }
  }

  fg = '';
  bg = '';
  readonly marks = new Set<string>();
}

function push(found: ISpan[], text: string, style: string): void {
  if (text) {
    found.push({ text, style });
  }
}
