/** What a terminal would show of a text: overwritten lines, and colours as styled spans. */

export interface ISpan {
  text: string;
  /** Class names, such as `lobu-ansi-red lobu-ansi-bold`; empty: plain. */
  style: string;
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const SEQUENCE = /\u001b\[([0-9;:]*)([A-Za-z])|\u001b[^[]|\u001b\[[^A-Za-z]*$/g;

/** The text after its carriage returns and backspaces, as progress bars use them. */
export function settle(text: string): string {
  if (!/[\r\b]/.test(text)) {
    return text;
  }
  return text.replace(/\r+\n/g, '\n').split('\n').map(settleLine).join('\n');
}

/** The text without any escape sequence. */
export function plain(text: string): string {
  return settle(text).replace(SEQUENCE, '');
}

/** The text as spans. Unknown sequences vanish; a style lasts until it is reset. */
export function spans(text: string): ISpan[] {
  const found: ISpan[] = [];
  const style = new Style();
  const source = settle(text);
  let from = 0;
  for (const match of source.matchAll(SEQUENCE)) {
    push(found, source.slice(from, match.index), style.classes());
    from = match.index + match[0].length;
    if (match[2] === 'm') {
      style.apply(match[1]);
    }
  }
  push(found, source.slice(from), style.classes());
  return found;
}

class Style {
  apply(codes: string): void {
    const queue = codes.split(/[;:]/).map(Number);
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

function settleLine(line: string): string {
  const cells: string[] = [];
  let at = 0;
  for (const cell of line) {
    if (cell === '\r') {
      at = 0;
    } else if (cell === '\b') {
      at = Math.max(0, at - 1);
    } else {
      cells[at++] = cell;
    }
  }
  return cells.join('');
}
