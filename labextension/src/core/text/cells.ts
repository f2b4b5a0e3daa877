/** One row of a screen: its cells. A wide character takes two, of which the second is empty. */

/** A character and the class names of its style. */
export type Cell = [string, string];

/** Put a cell at a column. A wide character that it cuts in two becomes blank. */
export function put(row: Cell[], column: number, cell: Cell): void {
  fill(row, column);
  if (cell[0] !== '') {
    part(row, column);
  }
  part(row, column + 1);
  row[column] = cell;
}

/** Blanks up to a column. */
export function fill(row: Cell[], column: number): void {
  while (row.length < column) {
    row.push([' ', '']);
  }
}

/** Erase from a column on (0), up to it (1), or the whole row. */
export function erase(row: Cell[], column: number, what: number): void {
  part(row, column + (what === 1 ? 1 : 0));
  if (what === 0) {
    row.length = Math.min(row.length, column);
  } else if (what === 1) {
    row.fill([' ', ''], 0, Math.min(column + 1, row.length));
  } else {
    row.length = 0;
  }
}

/** Take cells out (P), blank them (X), or put blanks before them (@). */
export function shift(row: Cell[], column: number, final: string, count: number): void {
  part(row, column);
  if (final !== '@') {
    part(row, column + count);
  }
  if (final === 'P') {
    row.splice(column, count);
  } else if (final === 'X') {
    row.fill([' ', ''], column, Math.min(column + count, row.length));
  } else if (column < row.length) {
    row.splice(column, 0, ...Array.from({ length: count }, (): Cell => [' ', '']));
  }
}

/** The row without the blanks at its end. */
export function trimmed(row: Cell[]): Cell[] {
  let end = row.length;
  while (end > 0 && row[end - 1][0] === ' ') {
    end--;
  }
  return row.slice(0, end);
}

function part(row: Cell[], at: number): void {
  if (at > 0 && row[at]?.[0] === '') {
    row[at - 1] = row[at] = [' ', ''];
  }
}
