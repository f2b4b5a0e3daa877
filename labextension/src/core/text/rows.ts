/**
 * Tables of bounded size, cut in the source before anything parses it.
 *
 * A table that was cut has the class `lobu-of-ROWS-COLUMNS`, which counts what there was.
 */

export const MOST_ROWS = 200;
export const MOST_CELLS = 10_000;
export const MOST_COLUMNS = 250;

const TAG = /<(\/?)(table|thead|tr|td|th)(?=[\s>/])/gi;

/** The first rows and columns of each table of an HTML text. The cost grows with the length alone. */
export function firstRows(html: string): string {
  const kept: string[] = [];
  let from = 0; // what stands before it is kept, or left out
  let depth = 0;
  let table = new Count();
  for (const tag of html.matchAll(TAG)) {
    const [closes, name] = [tag[1] === '/', tag[2].toLowerCase()];
    if (name === 'table') {
      depth = Math.max(0, depth + (closes ? -1 : 1));
      if (!closes && depth === 1) {
        const at = tag.index + tag[0].length;
        kept.push(html.slice(from, at));
        table = new Count();
        table.opened = kept.push('') - 1;
        from = at;
      } else if (closes && depth === 0) {
        from = table.drops ? tag.index : from;
        kept[table.opened] = table.cut ? ` class="lobu-of-${table.rows}-${table.columns}"` : '';
        table = new Count();
      }
      continue;
    }
    if (depth === 1) {
      const dropped = table.drops;
      table.see(name, closes);
      if (table.drops && !dropped) {
        kept.push(html.slice(from, tag.index));
      } else if (!table.drops && dropped) {
        from = tag.index;
      }
    }
  }
  if (table.cut) {
    kept[table.opened] = ` class="lobu-of-${table.rows}-${table.columns}"`;
  }
  return table.drops ? kept.join('') : kept.join('') + html.slice(from);
}

/** What a table has had so far. */
class Count {
  opened = -1;
  rows = 0; // below the head
  columns = 0;
  /** Tags are left out from here on. */
  drops = false;
  cut = false;

  see(name: string, closes: boolean): void {
    if (name === 'thead') {
      this._head = !closes;
    } else if (name === 'tr' && !closes) {
      this._row();
    } else if (name === 'tr') {
      this.drops = this._full;
    } else if (!closes) {
      this.columns = Math.max(this.columns, ++this._inRow);
      this._cells += this.drops ? 0 : 1;
      if (this._inRow > MOST_COLUMNS) {
        this.drops = this.cut = true;
      }
    }
  }

  private _row(): void {
    this._inRow = 0;
    this.rows += this._head ? 0 : 1;
    if (this.rows > MOST_ROWS || (this._cells > MOST_CELLS && this.rows > 1)) {
      this._full = this.cut = true;
    }
    this.drops = this._full;
  }

  private _head = false;
  private _full = false;
  private _inRow = 0;
  private _cells = 0;
}
