/** Text in spans of one style, and the style that colour sequences set. */

export interface ISpan {
  text: string;
  /** Class names, such as `lobu-ansi-red lobu-ansi-bold`; empty: plain. */
  style: string;
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** Append to the last span, or begin one if the style is another. */
export function add(found: ISpan[], text: string, style: string): void {
  const last = found[found.length - 1];
  if (last !== undefined && last.style === style) {
    last.text += text;
  } else {
    found.push({ text, style });
  }
}

export class Style {
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
