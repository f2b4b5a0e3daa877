import { Cell, erase, fill, put, shift, trimmed } from './cells';
import { add, ISpan, Style } from './colours';
import { CONTROL, FRAMES, SEQUENCE } from './escapes';
import { FLAG, joins, WIDE } from './widths';

const ROWS = 200;
const COLUMNS = 20_000;
const TAB = 8;
const REPEATS = 500;
const ALTERNATE = /(?:^|;)(?:47|1047|1049)(?:;|$)/;

/**
 * The rows of a screen and its cursor, as in `lobu_jupyter/model/terminal.py`: no right margin, and rows
 * that have scrolled off the top stay as they are.
 */
export class Screen {
  write(text: string): void {
    let from = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      this._write(text.slice(from, match.index));
      from = match.index + match[0].length;
      const [whole, args, between, final, set, escape] = match;
      if (final === 'm') {
        this._style.apply(args);
        this._class = this._style.classes();
      } else if (final !== undefined && between === '') {
        this._sequence(final, args);
      } else if (escape !== undefined && (set === '(' || set === ')')) {
        this._frames[set === '(' ? 0 : 1] = escape === '0';
      } else if (escape !== undefined && whole.length === 2) {
        this._escape(escape);
      }
    }
    this._write(text.slice(from));
  }

  text(): string {
    return this._all
      .map(row =>
        trimmed(row)
          .map(cell => cell[0])
          .join('')
      )
      .join('\n');
  }

  spans(): ISpan[] {
    const found: ISpan[] = [];
    const rows = this._all;
    rows.forEach((row, index) => {
      for (const [character, style] of trimmed(row)) {
        add(found, character, style);
      }
      if (index < rows.length - 1) {
        add(found, '\n', '');
      }
    });
    return found;
  }

  private _write(text: string): void {
    for (const character of text) {
      const control = CONTROLS[character];
      if (control !== undefined) {
        control(this);
      } else if (
        !CONTROL.test(character) &&
        character !== '\u001b' &&
        !/[\u0080-\u009f]/.test(character)
      ) {
        this._put(character);
      }
    }
  }

  private _put(character: string): void {
    const row = this._rows[this._row];
    const at = row[this._column - 1]?.[0] === '' ? this._column - 2 : this._column - 1;
    const before = row[at]?.[0] ?? '';
    if (before && joins(before, character)) {
      row[at] = [before + character, row[at][1]];
      if ((character === '\ufe0f' || FLAG.test(character)) && at === this._column - 1) {
        this._set('');
      }
      return;
    }
    if (this._frames[this._shift] && character >= '`' && character <= '~') {
      character = FRAMES[character.charCodeAt(0) - 96];
    }
    this._last = character;
    this._set(character);
    if (WIDE.test(character)) {
      this._set('');
    }
  }

  private _set(cell: string): void {
    put(this._rows[this._row], this._column++, [cell, this._class]);
  }

  home(): void {
    this._column = 0;
  }

  back(): void {
    this._column = Math.max(0, this._column - 1);
  }

  shift(to: 0 | 1): void {
    this._shift = to;
  }

  tab(count: number): void {
    this._column = Math.min(
      (Math.floor(this._column / TAB) + count) * TAB,
      Math.max(COLUMNS, this._column + TAB)
    );
    fill(this._rows[this._row], this._column);
  }

  /** At the last row of the region that scrolls, its first one leaves. */
  down(): void {
    const bottom = this._region === null ? -1 : this._top + this._region[1];
    if (this._region !== null && this._row === bottom) {
      const top = this._top + this._region[0];
      if (this._region[0] === 0 && this._main === null) {
        while (this._rows.length <= bottom) {
          this._rows.push([]);
        }
        this._above.push(this._rows[top]);
      }
      this._roll(top, bottom, 1);
      return;
    }
    this._row++;
    if (this._row === this._rows.length) {
      this._rows.push([]);
    }
  }

  up(): void {
    const [top, bottom] = this._bounds(1);
    if (this._row === top) {
      this._roll(top, bottom, -1);
    } else {
      this._row = Math.max(this._top, this._row - 1);
    }
  }

  /** The first and last row that scroll. A screen without a region grows. */
  private _bounds(more: number): [number, number] {
    const top = this._top;
    return this._region === null
      ? [top, Math.min(this._rows.length + more, top + ROWS) - 1]
      : [top + this._region[0], top + this._region[1]];
  }

  /** Moves rows up, or down for a negative count. */
  private _roll(top: number, bottom: number, count: number): void {
    while (this._rows.length <= bottom) {
      this._rows.push([]);
    }
    for (let n = Math.min(Math.abs(count), bottom - top + 1); n > 0; n--) {
      this._rows.splice(count > 0 ? top : bottom, 1);
      this._rows.splice(count > 0 ? bottom : top, 0, []);
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
      this.down();
      this._column = final === 'E' ? 0 : this._column;
    } else if (final === 'M') {
      this.up();
    } else if (final === 'c') {
      this._leaveAlternate();
      this._region = null;
      this._frames = [false, false];
      this._shift = 0;
      this._eraseDisplay(2);
      this._row = this._top;
      this._column = 0;
    }
  }

  private _sequence(final: string, args: string): void {
    if (/^[?><=]/.test(args)) {
      if (args[0] === '?' && ALTERNATE.test(args.slice(1))) {
        if (final === 'h') {
          this._enterAlternate();
        } else if (final === 'l') {
          this._leaveAlternate();
        }
      }
      return; // another mode of the terminal
    }
    const numbers = args
      .slice(0, 64)
      .split(';')
      .map(n => (/^\d+$/.test(n) ? Number(n) : 0));
    const count = Math.min(Math.max(1, numbers[0]), COLUMNS);
    const moves: { [final: string]: () => void } = {
      A: () => this._moveWithin(-count),
      B: () => this._moveWithin(count),
      C: () => (this._column = Math.min(this._column + count, COLUMNS)),
      D: () => (this._column = Math.max(0, this._column - count)),
      G: () => (this._column = count - 1),
      H: () => {
        this._moveRows(this._top + count - 1 - this._row);
        this._column = Math.min(Math.max(1, numbers[1] ?? 1), COLUMNS) - 1;
      },
      d: () => this._moveRows(this._top + count - 1 - this._row),
      I: () => this.tab(Math.min(count, COLUMNS / TAB)),
      Z: () => (this._column = Math.max(0, Math.ceil(this._column / TAB) - count) * TAB),
      b: () => [...this._last.repeat(Math.min(count, REPEATS))].forEach(c => this._put(c)),
      r: () => this._setRegion(numbers),
      L: () => this._shiftRows(final, count),
      M: () => this._shiftRows(final, count),
      S: () => this._shiftRows(final, count),
      T: () => this._shiftRows(final, count),
      J: () => this._eraseDisplay(numbers[0]),
      K: () => this._eraseLine(numbers[0]),
      s: () => this._escape('7'),
      u: () => this._escape('8')
    };
    const same: { [final: string]: string } = { a: 'C', e: 'B', '`': 'G', f: 'H' };
    if (final === 'E' || final === 'F') {
      this._moveWithin(final === 'F' ? -count : count);
      this._column = 0;
    } else if (final === 'P' || final === 'X' || final === '@') {
      shift(this._rows[this._row], this._column, final, count);
    } else {
      moves[same[final] ?? final]?.();
    }
  }

  private _setRegion(numbers: number[]): void {
    const top = Math.max(1, numbers[0]) - 1;
    const bottom = Math.min(numbers[1] || ROWS, ROWS) - 1;
    this._region = (top === 0 && bottom === ROWS - 1) || bottom <= top ? null : [top, bottom];
    this._row = this._top;
    this._column = 0;
  }

  private _shiftRows(final: string, count: number): void {
    const [first, bottom] = this._bounds('LT'.includes(final) ? count : 0);
    let top = first;
    if ('LM'.includes(final)) {
      if (this._row < top || this._row > bottom) {
        return;
      }
      top = this._row;
      this._column = 0;
    }
    this._roll(top, bottom, 'MS'.includes(final) ? count : -count);
  }

  private _enterAlternate(): void {
    if (this._main === null) {
      this._main = [this._rows, this._row, this._column];
      this._rows = [[]];
      this._row = this._column = 0;
    }
  }

  private _leaveAlternate(): void {
    if (this._main !== null) {
      [this._rows, this._row, this._column] = this._main;
      this._main = null;
    }
  }

  private _moveWithin(count: number): void {
    const [top, bottom] = this._region === null ? [0, ROWS] : this._region;
    const row = this._row - this._top;
    if (row >= top && row <= bottom) {
      count = Math.max(top - row, Math.min(count, bottom - row));
    }
    this._moveRows(count);
  }

  private _moveRows(count: number): void {
    this._row = Math.max(this._top, this._row + count);
    while (this._row >= this._rows.length) {
      if (this._rows.length - this._top >= ROWS) {
        this._row = this._rows.length - 1;
        return;
      }
      this._rows.push([]);
    }
  }

  private _eraseDisplay(what: number): void {
    if (what === 3) {
      this._rows.splice(0, this._top);
      this._above = [];
      return;
    }
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
    erase(this._rows[this._row], this._column, what);
  }

  private get _all(): Cell[][] {
    return this._main === null
      ? [...this._above, ...this._rows]
      : [
          ...this._above,
          ...this._main[0].slice(0, Math.max(0, this._main[0].length - ROWS)),
          ...this._rows
        ];
  }

  private _above: Cell[][] = [];
  private _rows: Cell[][] = [[]];
  private _main: [Cell[][], number, number] | null = null;
  private _region: [number, number] | null = null;
  private _frames = [false, false];
  private _shift: 0 | 1 = 0;
  private _last = '';
  private readonly _style = new Style();
  private _class = '';
  private _row = 0;
  private _column = 0;
  private _saved: [number, number] = [0, 0];
}

const CONTROLS: { [control: string]: (screen: Screen) => void } = {
  '\n': screen => (screen.down(), screen.home()),
  '\u0085': screen => (screen.down(), screen.home()),
  '\u000b': screen => screen.down(),
  '\u000c': screen => screen.down(),
  '\u0084': screen => screen.down(),
  '\u008d': screen => screen.up(),
  '\r': screen => screen.home(),
  '\b': screen => screen.back(),
  '\t': screen => screen.tab(1),
  '\u000e': screen => screen.shift(1),
  '\u000f': screen => screen.shift(0)
};
